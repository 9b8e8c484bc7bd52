#include "collectors/jetson/gpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::value;
using testing::Optional;

class GpuTest : public testing::Test {
 protected:
  Batch read() { return collect(collector_); }
  void orin(std::string_view load = "900\n") {
    tree_.write("sys/class/devfreq/17000000.gpu/device/of_node/name", std::string("gpu\0", 4));
    tree_.write("sys/class/devfreq/17000000.gpu/device/load", load);
    tree_.write("sys/class/devfreq/17000000.gpu/device/power/runtime_status", "active\n");
    tree_.write("sys/class/devfreq/17000000.gpu/cur_freq", "612000000\n");
    tree_.write("sys/class/devfreq/17000000.gpu/max_freq", "1020000000\n");
  }
  test::TempTree tree_;
  GpuCollector collector_{tree_.host_paths()};
};

TEST_F(GpuTest, OrinOnJetPack6) {
  orin();
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_FALSE(batch.absent);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(0.9));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(612e6));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_max_hertz, "0"), Optional(1020e6));
  EXPECT_THAT(value(batch, Signal::gpu_railgated, "0"), Optional(0.0));
}

TEST_F(GpuTest, EveryNodeName) {
  for (const std::string name : {"gv11b", "gp10b", "ga10b", "gb10b"}) {
    test::TempTree tree;
    tree.write("sys/class/devfreq/17000000." + name + "/device/of_node/name", name);
    tree.write("sys/class/devfreq/17000000." + name + "/device/load", "620\n");
    GpuCollector collector(tree.host_paths());
    EXPECT_THAT(value(collect(collector), Signal::gpu_utilization_ratio, "0"), Optional(0.62)) << name;
  }
}

TEST_F(GpuTest, OlderPathsWithoutDevfreqClass) {
  for (const std::string path : {"devices/gpu.0", "devices/platform/gpu.0", "devices/platform/17000000.ga10b",
                                 "devices/platform/17000000.gv11b", "devices/platform/bus@0/17000000.gpu"}) {
    test::TempTree tree;
    tree.write("sys/" + path + "/load", "1000\n");
    tree.write("sys/" + path + "/devfreq/57000000.gpu/cur_freq", "76800000\n");
    GpuCollector collector(tree.host_paths());
    const Batch batch = collect(collector);
    EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(1.0)) << path;
    EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(76.8e6)) << path;
  }
}

TEST_F(GpuTest, ThorHasAClockOnly) {
  tree_.write("sys/class/devfreq/gpu-gpc-0/cur_freq", "314000000\n");
  tree_.write("sys/class/devfreq/gpu-nvd-0/cur_freq", "999000000\n");
  tree_.write("sys/class/devfreq/bwmgr/cur_freq", "2750000000\n");
  const Batch batch = read();
  EXPECT_EQ(value(batch, Signal::gpu_utilization_ratio, "0"), std::nullopt);
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(314e6));
  EXPECT_EQ(batch.readings.size(), 1u);
}

TEST_F(GpuTest, AnotherMakersGpuIsAbsent) {
  tree_.write("sys/class/devfreq/fb000000.gpu/device/of_node/name", std::string("gpu\0", 4));
  tree_.write("sys/class/devfreq/fb000000.gpu/cur_freq", "300000000\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.absent);
  EXPECT_TRUE(batch.readings.empty());
}

TEST_F(GpuTest, SuspendedDoesNoWorkAndIsNotWoken) {
  orin("(EIO)");  // reading it would show
  tree_.write("sys/class/devfreq/17000000.gpu/device/power/runtime_status", "suspended\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(0.0));
  EXPECT_THAT(value(batch, Signal::gpu_railgated, "0"), Optional(1.0));
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(612e6));
}

TEST_F(GpuTest, AbsentUntilTheDriverLoadsLookedForEveryTenSeconds) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  orin();
  EXPECT_TRUE(collect(collector_, MonotonicTime{109s}).absent);
  const Batch batch = collect(collector_, MonotonicTime{110s});
  EXPECT_FALSE(batch.absent);
  EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(0.9));
}

TEST_F(GpuTest, VanishedIsAnErrorAndThePathMayMove) {
  orin();
  collect(collector_, MonotonicTime{100s});
  tree_.remove("sys/class/devfreq/17000000.gpu");
  const Batch gone = collect(collector_, MonotonicTime{101s});
  EXPECT_TRUE(gone.readings.empty());
  EXPECT_FALSE(gone.absent);
  EXPECT_EQ(gone.errors.at(0).reason, ErrorReason::missing);
  tree_.write("sys/devices/platform/17000000.ga10b/load", "10\n");
  const Batch moved = collect(collector_, MonotonicTime{110s});
  EXPECT_TRUE(moved.errors.empty());
  EXPECT_THAT(value(moved, Signal::gpu_utilization_ratio, "0"), Optional(0.01));
}

TEST_F(GpuTest, BadLoads) {
  const std::vector<std::pair<const char*, ErrorReason>> cases{
      {"", ErrorReason::parse},
      {"busy\n", ErrorReason::parse},
      {"1001\n", ErrorReason::range},
      {"-1\n", ErrorReason::range},
      {"(EIO)", ErrorReason::missing},
      {"(EACCES)", ErrorReason::permission},
      {"99999999999999999999\n", ErrorReason::range}};
  for (const auto& [text, reason] : cases) {
    orin(text);
    GpuCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    EXPECT_EQ(value(batch, Signal::gpu_utilization_ratio, "0"), std::nullopt) << text;
    ASSERT_EQ(batch.errors.size(), 1u) << text;
    EXPECT_EQ(batch.errors[0].reason, reason) << text;
    EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(612e6)) << text;
  }
}

TEST_F(GpuTest, GatedLoadIsUnavailable) {
  orin("(EAGAIN)");
  const Batch batch = read();
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::unavailable);
  EXPECT_EQ(value(batch, Signal::gpu_utilization_ratio, "0"), std::nullopt);
  EXPECT_THAT(value(batch, Signal::gpu_frequency_hertz, "0"), Optional(612e6));
}

TEST_F(GpuTest, OnATegraTheClockNeedsNoLoadBesideIt) {
  orin();
  tree_.remove("sys/class/devfreq/17000000.gpu/device/load");
  tree_.write("sys/firmware/devicetree/base/compatible",
              std::string("nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0", 46));
  const Batch without = collect(collector_, MonotonicTime{100s});
  EXPECT_TRUE(without.errors.empty());
  EXPECT_EQ(value(without, Signal::gpu_utilization_ratio, "0"), std::nullopt);
  EXPECT_THAT(value(without, Signal::gpu_frequency_hertz, "0"), Optional(612e6));
  EXPECT_THAT(value(without, Signal::gpu_railgated, "0"), Optional(0.0));
  orin("500\n");
  EXPECT_THAT(value(collect(collector_, MonotonicTime{110s}), Signal::gpu_utilization_ratio, "0"),
              Optional(0.5));
}

TEST_F(GpuTest, EachFileIsReadWithoutTheOthers) {
  const std::map<std::string, Signal> made{{"device/load", Signal::gpu_utilization_ratio},
                                           {"device/power/runtime_status", Signal::gpu_railgated},
                                           {"cur_freq", Signal::gpu_frequency_hertz},
                                           {"max_freq", Signal::gpu_frequency_max_hertz}};
  tree_.write("sys/firmware/devicetree/base/compatible", "nvidia,tegra234");
  for (const auto& [file, signal] : made) {
    orin();
    tree_.remove("sys/class/devfreq/17000000.gpu/" + file);
    GpuCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    for (const auto& [other, other_signal] : made)
      EXPECT_EQ(value(batch, other_signal, "0").has_value(), other != file) << file << " " << other;
  }
}

TEST_F(GpuTest, TheReleasesMayMoveItWhileTheAgentRuns) {
  tree_.write("sys/firmware/devicetree/base/compatible", "nvidia,tegra234");
  const std::vector<std::pair<std::string, std::string>> releases{
      {"17000000.ga10b", "ga10b"}, {"17000000.gpu", "gpu"}, {"gpu0", "gpu"}};
  MonotonicTime now{100s};
  double load = 0.1;
  for (const auto& [folder, node] : releases) {
    tree_.remove("sys/class/devfreq");
    const std::string path = "sys/class/devfreq/" + folder;
    tree_.write(path + "/device/of_node/name", node);
    tree_.write(path + "/device/load", std::to_string(static_cast<int>(load * 1000)));
    tree_.write(path + "/cur_freq", "306000000\n");
    (void)collect(collector_, now += 61s);
    const Batch batch = collect(collector_, now += 10s);
    EXPECT_THAT(value(batch, Signal::gpu_utilization_ratio, "0"), Optional(testing::DoubleEq(load)))
        << folder;
    EXPECT_TRUE(batch.errors.empty()) << folder;
    load += 0.1;
  }
}

TEST_F(GpuTest, AFifoDoesNotBlock) {
  orin();
  tree_.make_fifo("sys/class/devfreq/17000000.gpu/device/load");
  const Batch batch = read();
  EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
