#include "collectors/jetson/cooling.hpp"

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

class CoolingTest : public testing::Test {
 protected:
  void device(int number, std::string_view type, std::string_view state, std::string_view most = "3\n") {
    const std::string folder = "sys/class/thermal/cooling_device" + std::to_string(number);
    tree_.write(folder + "/type", std::string(type) + "\n");
    tree_.write(folder + "/cur_state", state);
    tree_.write(folder + "/max_state", most);
  }
  test::TempTree tree_;
  CoolingCollector collector_{tree_.host_paths()};
};

TEST_F(CoolingTest, StatesByDeviceAndType) {
  device(0, "pwm-fan", "2\n");
  device(1, "cpu-throttle-alert", "0\n", "1\n");
  const Batch batch = collect(collector_);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::cooling_state, "0", "pwm-fan"), Optional(2.0));
  EXPECT_THAT(value(batch, Signal::cooling_max_state, "0", "pwm-fan"), Optional(3.0));
  EXPECT_THAT(value(batch, Signal::throttled, "", "thermal"), Optional(0.0)) << "a fan holds no clock down";
  device(1, "cpu-throttle-alert", "1\n", "1\n");
  EXPECT_THAT(value(collect(collector_), Signal::throttled, "", "thermal"), Optional(1.0));
}

TEST_F(CoolingTest, WhatHoldsClocksDown) {
  for (const char* type :
       {"thermal-cpufreq-0", "17000000.gpu", "gpu-throttle-alert", "cpu-balanced", "Processor"})
    EXPECT_TRUE(holds_clocks_down(type)) << type;
  for (const char* type : {"pwm-fan", "Fan", "hot-surface-alert", "TCC Offset", "intel_powerclamp"})
    EXPECT_FALSE(holds_clocks_down(type)) << type;
}

TEST_F(CoolingTest, FansAloneSayNothingOfThrottling) {
  device(0, "pwm-fan", "2\n");
  EXPECT_EQ(count(collect(collector_), Signal::throttled), 0u);
}

TEST_F(CoolingTest, BadTexts) {
  device(0, "a", "");
  device(1, "b", "cold\n");
  device(2, "c", "99999999999999999999\n");
  device(3, "d", "-1\n");
  device(4, "e", "1\n", "x\n");
  const Batch batch = collect(collector_);
  EXPECT_EQ(batch.errors.size(), 4u);
  EXPECT_EQ(count(batch, Signal::cooling_state), 1u);
  EXPECT_EQ(count(batch, Signal::cooling_max_state), 4u) << "each file stands for itself";
  EXPECT_EQ(value(batch, Signal::cooling_max_state, "4", "e"), std::nullopt);
}

TEST_F(CoolingTest, AtMost32Devices) {
  for (int i = 0; i < 40; ++i) device(i, "Processor", "0\n");
  EXPECT_EQ(count(collect(collector_), Signal::cooling_state), 32u);
}

TEST_F(CoolingTest, AbsentThenFoundThenGone) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  device(0, "pwm-fan", "2\n");
  EXPECT_FALSE(collect(collector_, MonotonicTime{110s}).absent);
  tree_.remove("sys/class/thermal/cooling_device0");
  EXPECT_EQ(collect(collector_, MonotonicTime{111s}).errors.at(0).reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
