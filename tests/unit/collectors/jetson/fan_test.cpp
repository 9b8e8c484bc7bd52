#include "collectors/jetson/fan.hpp"

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

TEST(Fan, OrinAndThor) {
  test::TempTree tree;
  tree.write("sys/class/hwmon/hwmon0/name", "pwmfan\n");
  tree.write("sys/class/hwmon/hwmon0/pwm1", "51\n");
  tree.write("sys/class/hwmon/hwmon4/name", "pwm_tach\n");
  tree.write("sys/class/hwmon/hwmon4/rpm", "1773\n");
  FanCollector collector(tree.host_paths());
  const Batch batch = collect(collector);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::fan_duty_ratio, "1"), Optional(DoubleEq(0.2)));
  EXPECT_THAT(value(batch, Signal::fan_speed_rpm, "1"), Optional(1773.0));
}

TEST(Fan, JetPack4) {
  test::TempTree tree;
  tree.write("sys/devices/pwm-fan/target_pwm", "255\n");
  tree.write("sys/devices/pwm-fan/rpm_measured", "0\n");
  FanCollector collector(tree.host_paths());
  const Batch batch = collect(collector);
  EXPECT_THAT(value(batch, Signal::fan_duty_ratio, "1"), Optional(1.0));
  EXPECT_THAT(value(batch, Signal::fan_speed_rpm, "1"), Optional(0.0));
}

TEST(Fan, BadTextsAndAFifo) {
  for (const char* bad : {"", "fast\n", "-1\n", "256\n", "99999999999999999999\n", "(EIO)"}) {
    test::TempTree tree;
    tree.write("sys/class/hwmon/hwmon0/name", "pwmfan\n");
    tree.write("sys/class/hwmon/hwmon0/pwm1", bad);
    tree.write("sys/class/hwmon/hwmon0/fan1_input", "900\n");
    FanCollector collector(tree.host_paths());
    const Batch batch = collect(collector);
    EXPECT_EQ(count(batch, Signal::fan_duty_ratio), 0u) << bad;
    EXPECT_EQ(batch.errors.size(), 1u) << bad;
    EXPECT_THAT(value(batch, Signal::fan_speed_rpm, "1"), Optional(900.0)) << bad;
  }
  test::TempTree tree;
  tree.make_fifo("sys/devices/pwm-fan/target_pwm");
  FanCollector collector(tree.host_paths());
  EXPECT_EQ(collect(collector).errors.at(0).reason, ErrorReason::missing);
}

TEST(Fan, AbsentThenFoundThenGone) {
  test::TempTree tree;
  FanCollector collector(tree.host_paths());
  EXPECT_TRUE(collect(collector, MonotonicTime{100s}).absent);
  tree.write("sys/devices/pwm-fan/target_pwm", "0\n");
  EXPECT_FALSE(collect(collector, MonotonicTime{110s}).absent);
  tree.remove("sys/devices/pwm-fan");
  EXPECT_EQ(collect(collector, MonotonicTime{111s}).errors.at(0).reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
