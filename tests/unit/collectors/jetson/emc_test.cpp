#include "collectors/jetson/emc.hpp"

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

class EmcTest : public testing::Test {
 protected:
  EmcTest() { board("nvidia,p3768-0000+p3767-0005-super", "nvidia,tegra234"); }
  void board(std::string_view module, std::string_view soc) {
    tree_.write("sys/firmware/devicetree/base/compatible",
                std::string(module) + '\0' + std::string(soc) + '\0');
  }
  void orin(std::string_view rate = "2133000000\n", std::string_view activity = "1066500\n") {
    tree_.write("sys/kernel/debug/bpmp/debug/clk/emc/rate", rate);
    tree_.write("sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "3199000000\n");
    tree_.write("sys/kernel/debug/cactmon/mc_all", activity);
  }
  Batch read() { return collect(collector_); }
  test::TempTree tree_;
  EmcCollector collector_{tree_.host_paths()};
};

TEST_F(EmcTest, OrinNano) {
  orin();
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::emc_frequency_hertz), Optional(2133e6));
  EXPECT_THAT(value(batch, Signal::emc_utilization_ratio), Optional(DoubleEq(0.5)));
  EXPECT_THAT(value(batch, Signal::emc_peak_bytes_per_second), Optional(DoubleEq(102.368e9)));
  EXPECT_THAT(value(batch, Signal::emc_bytes_per_second), Optional(DoubleEq(34.128e9)));
}

TEST_F(EmcTest, ThorGivesItsClockToEverybodyAndItsActivityToRoot) {
  board("nvidia,p4071-0000+p3834-0008", "nvidia,tegra264");
  tree_.write("sys/class/devfreq/bwmgr/cur_freq", "2750000000\n");
  tree_.write("sys/class/devfreq/bwmgr/max_freq", "4266000000\n");
  tree_.write("sys/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity", "(EACCES)");
  Batch batch = read();
  EXPECT_THAT(value(batch, Signal::emc_frequency_hertz), Optional(2750e6));
  EXPECT_THAT(value(batch, Signal::emc_peak_bytes_per_second), Optional(DoubleEq(273.024e9)));
  EXPECT_EQ(count(batch, Signal::emc_utilization_ratio), 0u);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::permission);
  tree_.write("sys/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity", "275000\n");
  EXPECT_THAT(value(read(), Signal::emc_utilization_ratio), Optional(DoubleEq(0.1)));
}

TEST_F(EmcTest, ThorPrefersTheClockItMayRead) {
  board("nvidia,p3834-0008", "nvidia,tegra264");
  orin("(EACCES)");
  tree_.write("sys/class/devfreq/bwmgr/cur_freq", "2750000000\n");
  EXPECT_THAT(value(read(), Signal::emc_frequency_hertz), Optional(2750e6));
}

TEST_F(EmcTest, Nano) {
  board("nvidia,p3449-0000-b00+p3448-0000-b00", "nvidia,tegra210");
  tree_.write("sys/kernel/debug/tegra_bwmgr/emc_rate", "1600000000\n");
  tree_.write("sys/kernel/debug/tegra_bwmgr/emc_max_rate", "1600000000\n");
  tree_.write("sys/kernel/actmon_avg_activity/mc_all", "160000\n");
  const Batch batch = read();
  EXPECT_THAT(value(batch, Signal::emc_utilization_ratio), Optional(DoubleEq(0.1)));
  EXPECT_THAT(value(batch, Signal::emc_peak_bytes_per_second), Optional(DoubleEq(25.6e9)));
}

TEST_F(EmcTest, WithoutRootPermissionIsTheReason) {
  orin("(EACCES)", "(EACCES)");
  tree_.write("sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "(EACCES)");
  EXPECT_FALSE(emc_is_readable(tree_.host_paths()));
  const Batch batch = read();
  EXPECT_FALSE(batch.absent);
  EXPECT_TRUE(batch.readings.empty());
  ASSERT_EQ(batch.errors.size(), 2u);
  for (const ReadError& error : batch.errors) EXPECT_EQ(error.reason, ErrorReason::permission);
}

TEST_F(EmcTest, AClockThatChangedSinceTheAverageStaysAtMostOne) {
  orin("204000000\n", "1066500\n");
  EXPECT_THAT(value(read(), Signal::emc_utilization_ratio), Optional(1.0));
}

TEST_F(EmcTest, BadTextsSpoilOnlyWhatTheyGive) {
  for (const char* bad : {"", "busy\n", "-1\n", "99999999999999999999\n", "(EIO)"}) {
    orin("2133000000\n", bad);
    EmcCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    EXPECT_THAT(value(batch, Signal::emc_frequency_hertz), Optional(2133e6)) << bad;
    EXPECT_EQ(count(batch, Signal::emc_utilization_ratio), 0u) << bad;
    EXPECT_EQ(batch.errors.size(), 1u) << bad;
  }
  orin("0\n");
  EmcCollector gated(tree_.host_paths());
  EXPECT_EQ(count(collect(gated), Signal::emc_utilization_ratio), 0u);
}

TEST_F(EmcTest, AFifoDoesNotBlock) {
  orin();
  tree_.make_fifo("sys/kernel/debug/cactmon/mc_all");
  const Batch batch = read();
  EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::missing);
  EXPECT_THAT(value(batch, Signal::emc_frequency_hertz), Optional(2133e6));
}

TEST_F(EmcTest, AppearsLateAndNeverOnAPc) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  orin();
  EXPECT_TRUE(collect(collector_, MonotonicTime{109s}).absent);
  EXPECT_EQ(count(collect(collector_, MonotonicTime{110s}), Signal::emc_utilization_ratio), 1u);
  tree_.remove("sys/firmware");
  EmcCollector pc(tree_.host_paths());
  EXPECT_TRUE(collect(pc).absent);
}

TEST_F(EmcTest, TheActivityMonitorMayLoadAfterTheClock) {
  orin();
  tree_.remove("sys/kernel/debug/cactmon");
  const Batch early = collect(collector_, MonotonicTime{100s});
  EXPECT_TRUE(early.errors.empty());
  EXPECT_EQ(count(early, Signal::emc_utilization_ratio), 0u);
  orin();
  EXPECT_EQ(count(collect(collector_, MonotonicTime{110s}), Signal::emc_utilization_ratio), 1u);
}

TEST_F(EmcTest, AnUnknownModuleHasNoBytes) {
  board("nvidia,p9999-0000", "nvidia,tegra234");
  orin();
  const Batch batch = read();
  EXPECT_EQ(count(batch, Signal::emc_bytes_per_second), 0u);
  EXPECT_EQ(count(batch, Signal::emc_peak_bytes_per_second), 0u);
  EXPECT_EQ(count(batch, Signal::emc_utilization_ratio), 1u);
}

}  // namespace
}  // namespace tegrascope
