#include "collectors/jetson/nvpmodel.hpp"

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

class NvpmodelTest : public testing::Test {
 protected:
  void status(std::string_view text) { tree_.write("var/lib/nvpmodel/status", text); }
  void clocks(std::string_view gpu_lowest, std::string_view cpu_lowest) {
    tree_.write("sys/class/devfreq/17000000.gpu/device/of_node/name", "gpu");
    tree_.write("sys/class/devfreq/17000000.gpu/device/load", "0\n");
    tree_.write("sys/class/devfreq/17000000.gpu/min_freq", gpu_lowest);
    tree_.write("sys/class/devfreq/17000000.gpu/max_freq", "1020000000\n");
    for (const std::string cpu : {"cpu0", "cpu1"}) {
      tree_.write("sys/devices/system/cpu/" + cpu + "/cpufreq/scaling_min_freq", cpu_lowest);
      tree_.write("sys/devices/system/cpu/" + cpu + "/cpufreq/scaling_max_freq", "1728000\n");
    }
  }
  test::TempTree tree_;
  NvpmodelCollector collector_{tree_.host_paths()};
};

constexpr const char* kConf =
    "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"
    "< PM_CONFIG DEFAULT=1 >\n";

TEST_F(NvpmodelTest, ModeByNumberAndName) {
  status("pmode:0002\n");
  tree_.write("etc/nvpmodel.conf", kConf);
  const Batch batch = collect(collector_);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::nvpmodel_mode, "", "MAXN_SUPER"), Optional(2.0));
  EXPECT_EQ(count(batch, Signal::clocks_locked), 0u) << "no clock, no claim";
}

TEST_F(NvpmodelTest, ALinkWithAnAbsoluteTargetIsBelowTheRoot) {
  status("pmode:0000 fmode:quiet\n");
  tree_.write("etc/nvpmodel/nvpmodel_p3767_0003_super.conf", kConf);
  tree_.link("etc/nvpmodel.conf", "/etc/nvpmodel/nvpmodel_p3767_0003_super.conf");
  EXPECT_THAT(value(collect(collector_), Signal::nvpmodel_mode, "", "15W"), Optional(0.0));
}

TEST_F(NvpmodelTest, AModeWithoutAName) {
  status("pmode:0007\n");
  EXPECT_THAT(value(collect(collector_), Signal::nvpmodel_mode), Optional(7.0));
}

TEST_F(NvpmodelTest, ClocksAreLockedWhenNothingMayMove) {
  status("pmode:0000\n");
  clocks("306000000\n", "1728000\n");
  EXPECT_THAT(value(collect(collector_), Signal::clocks_locked), Optional(0.0));
  clocks("1020000000\n", "729600\n");
  EXPECT_THAT(value(collect(collector_), Signal::clocks_locked), Optional(0.0));
  clocks("1020000000\n", "1728000\n");
  EXPECT_THAT(value(collect(collector_), Signal::clocks_locked), Optional(1.0));
}

TEST_F(NvpmodelTest, BadTexts) {
  for (const char* bad : {"", "mode 2\n", "pmode:\n", "pmode:-1\n", "pmode:99999999999\n"}) {
    status(bad);
    NvpmodelCollector collector(tree_.host_paths());
    const Batch batch = collect(collector);
    EXPECT_EQ(batch.errors.at(0).reason, ErrorReason::parse) << bad;
    EXPECT_EQ(count(batch, Signal::nvpmodel_mode), 0u) << bad;
  }
  EXPECT_TRUE(parse_power_models("< POWER_MODEL ID=x NAME=15W >\n< POWER_MODEL ID=1 >\nNAME=2").empty());
}

TEST_F(NvpmodelTest, AbsentThenFoundThenGone) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  status("pmode:0000\n");
  EXPECT_FALSE(collect(collector_, MonotonicTime{110s}).absent);
  tree_.remove("var/lib/nvpmodel/status");
  EXPECT_EQ(collect(collector_, MonotonicTime{111s}).errors.at(0).reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
