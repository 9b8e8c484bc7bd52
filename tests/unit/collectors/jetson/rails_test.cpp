#include "collectors/jetson/rails.hpp"

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

class RailsTest : public testing::Test {
 protected:
  void rail(std::string folder, int channel, std::string_view label, std::string_view millivolts,
            std::string_view milliamperes) {
    const std::string n = std::to_string(channel);
    tree_.write(folder + "/name", "ina3221\n");
    tree_.write(folder + "/in" + n + "_label", std::string(label) + "\n");
    tree_.write(folder + "/in" + n + "_input", millivolts);
    tree_.write(folder + "/curr" + n + "_input", milliamperes);
  }
  Batch read() { return collect(collector_); }

  test::TempTree tree_;
  RailsCollector collector_{tree_.host_paths()};
};

constexpr const char* kChip = "sys/class/hwmon/hwmon3";

TEST_F(RailsTest, OrinNano) {
  rail(kChip, 1, "VDD_IN", "4984\n", "960\n");
  rail(kChip, 2, "VDD_CPU_GPU_CV", "4976\n", "120\n");
  rail(kChip, 3, "VDD_SOC", "4976\n", "304\n");
  rail(kChip, 4, "shunt", "4800\n", "1384\n");
  rail(kChip, 7, "sum of shunt voltages", "8080\n", "1\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_THAT(value(batch, Signal::rail_voltage_volts, "VDD_IN"), Optional(DoubleEq(4.984)));
  EXPECT_THAT(value(batch, Signal::rail_current_amperes, "VDD_IN"), Optional(DoubleEq(0.96)));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "VDD_IN"), Optional(DoubleEq(4.78464)));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "VDD_SOC"), Optional(DoubleEq(1.512704)));
  EXPECT_EQ(count(batch, Signal::rail_power_watts), 3u);
  EXPECT_THAT(value(batch, Signal::board_power_watts, "", "input_rail"), Optional(DoubleEq(4.78464)));
}

TEST_F(RailsTest, AgxOrinHasASumOfDisjointRails) {
  rail(kChip, 1, "VDD_GPU_SOC", "843\n", "6170\n");
  rail(kChip, 2, "VDD_CPU_CV", "780\n", "3437\n");
  rail(kChip, 3, "VIN_SYS_5V0", "4968\n", "953\n");
  tree_.write("sys/class/hwmon/hwmon4/in1_label", "NC\n");
  tree_.write("sys/class/hwmon/hwmon4/in1_input", "1\n");
  tree_.write("sys/class/hwmon/hwmon4/curr1_input", "1\n");
  rail("sys/class/hwmon/hwmon4", 2, "VDDQ_VDD2_1V8AO", "1800\n", "341\n");
  const Batch batch = read();
  EXPECT_EQ(count(batch, Signal::rail_power_watts), 4u);
  EXPECT_THAT(
      value(batch, Signal::board_power_watts, "", "rail_sum"),
      Optional(testing::DoubleNear(0.843 * 6.170 + 0.780 * 3.437 + 4.968 * 0.953 + 1.8 * 0.341, 1e-9)));
}

TEST_F(RailsTest, NoBoardPowerOutOfAPartialSum) {
  rail(kChip, 1, "VDD_GPU_SOC", "843\n", "6170\n");
  rail(kChip, 2, "VDD_CPU_CV", "780\n", "3437\n");
  rail(kChip, 3, "VIN_SYS_5V0", "4968\n", "(EIO)");
  const Batch batch = read();
  EXPECT_EQ(count(batch, Signal::board_power_watts), 0u);
  EXPECT_EQ(count(batch, Signal::rail_power_watts), 2u);
  EXPECT_THAT(value(batch, Signal::rail_voltage_volts, "VIN_SYS_5V0"), Optional(DoubleEq(4.968)));
  EXPECT_EQ(batch.errors.size(), 1u);
}

TEST_F(RailsTest, ThorWithItsInputMonitor) {
  rail(kChip, 1, "VDD_GPU", "12040\n", "640\n");
  rail(kChip, 2, "VDD_CPU_SOC_MSS", "12040\n", "960\n");
  rail(kChip, 3, "VIN_SYS_5V0", "5088\n", "1740\n");
  EXPECT_EQ(count(read(), Signal::board_power_watts), 0u);
  tree_.write("sys/class/hwmon/hwmon7/name", "ina238\n");
  tree_.write("sys/class/hwmon/hwmon7/in1_input", "19000\n");
  tree_.write("sys/class/hwmon/hwmon7/curr1_input", "1041\n");
  tree_.write("sys/class/hwmon/hwmon7/power1_input", "19780000\n");
  RailsCollector collector(tree_.host_paths());
  const Batch batch = collect(collector);
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "VIN"), Optional(DoubleEq(19.78)));
  EXPECT_THAT(value(batch, Signal::board_power_watts, "", "input_rail"), Optional(DoubleEq(19.78)));
}

TEST_F(RailsTest, TheChipsOwnAveragingIsRead) {
  rail(kChip, 1, "VDD_IN", "5000\n", "1000\n");
  EXPECT_EQ(count(read(), Signal::rail_averaging_seconds), 0u) << "an old driver tells nothing";
  tree_.write(std::string(kChip) + "/samples", "512\n");
  tree_.write(std::string(kChip) + "/update_interval", "7\n");
  RailsCollector collector(tree_.host_paths());
  const Batch batch = collect(collector, MonotonicTime{100s});
  EXPECT_THAT(value(batch, Signal::rail_averaging_seconds, "VDD_IN"), Optional(DoubleEq(3.584)));
  EXPECT_THAT(value(batch, Signal::board_averaging_seconds), Optional(DoubleEq(3.584)));
  tree_.write(std::string(kChip) + "/samples", "1\n");
  EXPECT_THAT(value(collect(collector, MonotonicTime{110s}), Signal::rail_averaging_seconds, "VDD_IN"),
              Optional(0.0));
}

TEST(RailAveraging, OfBothFormsOfTheInterval) {
  EXPECT_DOUBLE_EQ(averaging_seconds(512, 7), 3.584);
  EXPECT_DOUBLE_EQ(averaging_seconds(512, 3379), 3.379);
  EXPECT_DOUBLE_EQ(averaging_seconds(128, 845), 0.845);
  EXPECT_DOUBLE_EQ(averaging_seconds(512, 0), 512 * 0.0066);
  EXPECT_EQ(averaging_seconds(1, 7), 0);
  EXPECT_EQ(averaging_seconds(0, 7), 0);
  EXPECT_EQ(averaging_seconds(-5, 7), 0);
  EXPECT_EQ(averaging_seconds(99999, 7), 0);
  EXPECT_EQ(averaging_seconds(512, 9999999), 0);
}

TEST_F(RailsTest, JetPack4) {
  const std::string folder = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0";
  tree_.write(folder + "/rail_name_0", "POM_5V_IN\n");
  tree_.write(folder + "/in_voltage0_input", "5000\n");
  tree_.write(folder + "/in_current0_input", "400\n");
  tree_.write(folder + "/in_power0_input", "2000\n");
  tree_.write(folder + "/rail_name_1", "POM_5V_GPU\n");
  tree_.write(folder + "/in_power1_input", "40\n");
  const Batch batch = read();
  EXPECT_THAT(value(batch, Signal::rail_voltage_volts, "POM_5V_IN"), Optional(5.0));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "POM_5V_IN"), Optional(2.0));
  EXPECT_THAT(value(batch, Signal::rail_power_watts, "POM_5V_GPU"), Optional(DoubleEq(0.04)));
  EXPECT_THAT(value(batch, Signal::board_power_watts, "", "input_rail"), Optional(2.0));
}

TEST_F(RailsTest, TheSameChipByTwoPathsCountsOnce) {
  rail("sys/devices/i2c-1/1-0040/hwmon/hwmon1", 1, "VDD_IN", "5000\n", "1000\n");
  tree_.link("sys/class/hwmon/hwmon1", "../../devices/i2c-1/1-0040/hwmon/hwmon1");
  tree_.link("sys/bus/i2c/drivers/ina3221/1-0040", "../../../../devices/i2c-1/1-0040");
  EXPECT_EQ(read().readings.size(), 4u);
}

TEST_F(RailsTest, FoundByDriverWhereTheClassIsMissing) {
  rail("sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon2", 1, "VDD_IN", "5000\n", "1000\n");
  EXPECT_THAT(value(read(), Signal::board_power_watts, "", "input_rail"), Optional(5.0));
}

TEST_F(RailsTest, NegativeCurrentIsReal) {
  rail(kChip, 1, "VDD_CPU_CV", "5000\n", "-79\n");
  EXPECT_THAT(value(read(), Signal::rail_power_watts, "VDD_CPU_CV"), Optional(DoubleEq(-0.395)));
}

TEST_F(RailsTest, BadTexts) {
  rail(kChip, 1, "A", "", "1\n");
  rail(kChip, 2, "B", "5000\n", "lots\n");
  rail(kChip, 3, "C", "99999999999999999999\n", "1\n");
  const Batch batch = read();
  EXPECT_EQ(count(batch, Signal::rail_power_watts), 0u);
  ASSERT_EQ(batch.errors.size(), 3u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse);
  EXPECT_EQ(batch.errors[1].reason, ErrorReason::parse);
  EXPECT_EQ(batch.errors[2].reason, ErrorReason::range);
}

TEST_F(RailsTest, OtherChipsAreNotRails) {
  rail(kChip, 1, "VDD_IN", "5000\n", "1000\n");
  tree_.write(std::string(kChip) + "/name", "nvme\n");
  EXPECT_TRUE(read().absent);
}

TEST_F(RailsTest, AbsentThenFoundThenRenumbered) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  rail(kChip, 1, "VDD_IN", "5000\n", "1000\n");
  EXPECT_THAT(value(collect(collector_, MonotonicTime{110s}), Signal::rail_power_watts, "VDD_IN"),
              Optional(5.0));
  tree_.remove(kChip);
  rail("sys/class/hwmon/hwmon5", 1, "VDD_IN", "5000\n", "2000\n");
  const Batch gone = collect(collector_, MonotonicTime{111s});
  EXPECT_EQ(gone.errors.size(), 2u);
  EXPECT_FALSE(gone.absent);
  EXPECT_THAT(value(collect(collector_, MonotonicTime{120s}), Signal::rail_power_watts, "VDD_IN"),
              Optional(10.0));
}

}  // namespace
}  // namespace tegrascope
