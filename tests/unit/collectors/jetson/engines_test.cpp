#include "collectors/jetson/engines.hpp"

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

class EnginesTest : public testing::Test {
 protected:
  EnginesTest() { tree_.write("sys/firmware/devicetree/base/compatible", "nvidia,tegra234"); }
  void clock(const std::string& name, std::string_view users, std::string_view rate = "115200000\n") {
    tree_.write("sys/kernel/debug/clk/" + name + "/clk_enable_count", users);
    tree_.write("sys/kernel/debug/clk/" + name + "/clk_rate", rate);
  }
  test::TempTree tree_;
  EnginesCollector collector_{tree_.host_paths()};
};

TEST_F(EnginesTest, OnWithItsClockAndOffWithout) {
  clock("nvenc", "1\n");
  clock("nvdec", "0\n");
  clock("dla0_core", "0\n");
  clock("nvenc.buf", "1\n");
  clock("emc", "1\n");
  const Batch batch = collect(collector_);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::engine_on, "nvenc"), Optional(1.0));
  EXPECT_THAT(value(batch, Signal::engine_frequency_hertz, "nvenc"), Optional(115.2e6));
  EXPECT_THAT(value(batch, Signal::engine_on, "nvdec"), Optional(0.0));
  EXPECT_THAT(value(batch, Signal::engine_on, "nvdla0"), Optional(0.0));
  EXPECT_EQ(count(batch, Signal::engine_on), 3u);
  EXPECT_EQ(count(batch, Signal::engine_frequency_hertz), 1u);
}

TEST_F(EnginesTest, NamesOfClocks) {
  EXPECT_EQ(engine_of_clock("nvjpg1"), "nvjpg1");
  EXPECT_EQ(engine_of_clock("dla1_core"), "nvdla1");
  EXPECT_EQ(engine_of_clock("pva0_vps"), "pva0");
  for (const char* other : {"vic_parent", "se_x", "dla0_falcon", "apex", "nvenc12", "", "sensor"})
    EXPECT_EQ(engine_of_clock(other), std::nullopt) << other;
}

TEST_F(EnginesTest, BadTexts) {
  for (const char* bad : {"", "on\n", "-1\n", "99999999999999999999\n", "(EIO)"}) {
    clock("nvenc", bad);
    clock("vic", "1\n", "18446744073709551615\n");
    EnginesCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    EXPECT_EQ(batch.errors.size(), 2u) << bad;
    EXPECT_THAT(value(batch, Signal::engine_on, "vic"), Optional(1.0)) << bad;
    EXPECT_EQ(count(batch, Signal::engine_frequency_hertz), 0u) << bad;
  }
}

TEST_F(EnginesTest, AFolderThatMayNotBeEntered) {
  // Root enters everything, so the refusal is the file's own.
  clock("vic", "(EACCES)", "(EACCES)");
  const Batch batch = collect(collector_);
  EXPECT_FALSE(batch.absent);
  EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::permission);
  EXPECT_TRUE(batch.readings.empty());
}

TEST_F(EnginesTest, AbsentOnAPcAndFoundLate) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  clock("vic", "0\n");
  EXPECT_FALSE(collect(collector_, MonotonicTime{110s}).absent);
  tree_.remove("sys/firmware");
  EnginesCollector pc(tree_.host_paths());
  EXPECT_TRUE(collect(pc).absent);
}

}  // namespace
}  // namespace tegrascope
