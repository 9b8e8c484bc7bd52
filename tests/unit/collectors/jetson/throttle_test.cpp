#include "collectors/jetson/throttle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::count;
using test::value;
using testing::DoubleEq;
using testing::Optional;

class ThrottleTest : public testing::Test {
 protected:
  void source(const std::string& name, std::string_view events, std::string_view enabled = "1\n") {
    tree_.write("sys/class/hwmon/hwmon2/name", "soctherm_oc\n");
    tree_.write("sys/class/hwmon/hwmon2/" + name + "_event_cnt", events);
    tree_.write("sys/class/hwmon/hwmon2/" + name + "_throt_en", enabled);
  }
  test::TempTree tree_;
  ThrottleCollector collector_{tree_.host_paths()};
};

TEST_F(ThrottleTest, CountsAndThrottlesWhileEventsCome) {
  source("oc1", "0\n");
  source("oc3", "27390\n");
  Batch batch = collect(collector_);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::throttle_events, "", "oc3"), Optional(27390.0));
  EXPECT_THAT(value(batch, Signal::throttle_events, "", "oc1"), Optional(0.0));
  EXPECT_THAT(value(batch, Signal::throttled, "", "overcurrent"), Optional(0.0)) << "the past is not now";
  source("oc3", "27391\n");
  EXPECT_THAT(value(collect(collector_), Signal::throttled, "", "overcurrent"), Optional(1.0));
  EXPECT_THAT(value(collect(collector_), Signal::throttled, "", "overcurrent"), Optional(0.0));
}

TEST_F(ThrottleTest, AnAlarmThatDoesNotThrottleIsCountedOnly) {
  source("oc2", "1\n", "0\n");
  collect(collector_);
  source("oc2", "2\n", "0\n");
  EXPECT_THAT(value(collect(collector_), Signal::throttled, "", "overcurrent"), Optional(0.0));
}

TEST_F(ThrottleTest, BadTexts) {
  for (const char* bad : {"", "many\n", "-1\n", "99999999999999999999\n", "(EIO)"}) {
    source("oc1", bad);
    source("oc3", "5\n");
    ThrottleCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    EXPECT_EQ(batch.errors.size(), 1u) << bad;
    EXPECT_THAT(value(batch, Signal::throttle_events, "", "oc3"), Optional(5.0)) << bad;
  }
}

TEST_F(ThrottleTest, AbsentThenFoundThenGone) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  source("oc1", "0\n");
  EXPECT_FALSE(collect(collector_, MonotonicTime{110s}).absent);
  tree_.remove("sys/class/hwmon/hwmon2");
  const Batch gone = collect(collector_, MonotonicTime{111s});
  EXPECT_EQ(gone.errors.at(0).reason, ErrorReason::missing);
  EXPECT_EQ(count(gone, Signal::throttled), 0u);
}

}  // namespace
}  // namespace tegrascope
