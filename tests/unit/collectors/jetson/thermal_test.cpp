#include "collectors/jetson/thermal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::value;
using testing::DoubleEq;
using testing::Optional;

class ThermalTest : public testing::Test {
 protected:
  void zone(int number, std::string_view type, std::string_view temperature) {
    const std::string folder = "sys/class/thermal/thermal_zone" + std::to_string(number);
    tree_.write(folder + "/type", std::string(type) + "\n");
    tree_.write(folder + "/temp", temperature);
  }
  Batch read() { return collect(collector_); }
  test::TempTree tree_;
  ThermalCollector collector_{tree_.host_paths()};
};

TEST_F(ThermalTest, ZonesByNameOfBothReleases) {
  zone(0, "CPU-therm", "47500\n");
  zone(1, "gpu-thermal", "50218\n");
  zone(10, "tj-thermal", "-500\n");
  tree_.write("sys/class/thermal/cooling_device0/type", "pwm-fan\n");
  const Batch batch = read();
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_EQ(batch.readings.size(), 3u);
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "cpu"), Optional(47.5));
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "gpu"), Optional(50.218));
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "tj"), Optional(-0.5));
}

TEST_F(ThermalTest, GatedZonesAreUnavailable) {
  zone(0, "cpu-thermal", "47500\n");
  zone(1, "cv0-thermal", "(EAGAIN)");
  zone(2, "cv1-thermal", "-256000\n");
  zone(3, "cv2-thermal", "-274000\n");
  zone(4, "gpu-thermal", "(ENODATA)");
  const Batch batch = read();
  EXPECT_EQ(batch.errors.size(), 4u);
  for (const ReadError& error : batch.errors)
    EXPECT_EQ(error.reason, ErrorReason::unavailable) << error.where;
  EXPECT_EQ(batch.readings.size(), 1u);
}

TEST_F(ThermalTest, ThePmicPlaceholderIsLeftOut) {
  zone(0, "PMIC-Die", "100000\n");
  zone(1, "PMIC-therm", "50000\n");
  zone(2, "AO-therm", "41500\n");
  EXPECT_EQ(read().readings.size(), 1u);
}

TEST_F(ThermalTest, ZonesOfOneTypeStayApart) {
  zone(0, "acpitz", "20000\n");
  zone(1, "acpitz", "30000\n");
  const Batch batch = read();
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "acpitz"), Optional(20.0));
  EXPECT_THAT(value(batch, Signal::temperature_celsius, "acpitz-1"), Optional(30.0));
}

TEST_F(ThermalTest, BadTexts) {
  zone(0, "a-thermal", "");
  zone(1, "b-thermal", "warm\n");
  zone(2, "c-thermal", "999000\n");
  zone(3, "d-thermal", "(EIO)");
  zone(4, "e-thermal", "40000\n");
  tree_.make_fifo("sys/class/thermal/thermal_zone5/temp");
  tree_.write("sys/class/thermal/thermal_zone5/type", "f-thermal");
  const Batch batch = read();
  EXPECT_EQ(batch.readings.size(), 1u);
  ASSERT_EQ(batch.errors.size(), 5u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse);
  EXPECT_EQ(batch.errors[1].reason, ErrorReason::parse);
  EXPECT_EQ(batch.errors[2].reason, ErrorReason::range);
  EXPECT_EQ(batch.errors[3].reason, ErrorReason::missing);
  EXPECT_EQ(batch.errors[4].reason, ErrorReason::missing);
}

TEST_F(ThermalTest, AbsentThenFoundThenRenumbered) {
  EXPECT_TRUE(collect(collector_, MonotonicTime{100s}).absent);
  zone(0, "cpu-thermal", "40000\n");
  EXPECT_TRUE(collect(collector_, MonotonicTime{105s}).absent);
  EXPECT_EQ(collect(collector_, MonotonicTime{110s}).readings.size(), 1u);
  tree_.remove("sys/class/thermal/thermal_zone0");
  zone(1, "cpu-thermal", "41000\n");
  EXPECT_EQ(collect(collector_, MonotonicTime{111s}).errors.size(), 1u);
  EXPECT_THAT(value(collect(collector_, MonotonicTime{120s}), Signal::temperature_celsius, "cpu"),
              Optional(41.0));
}

TEST_F(ThermalTest, TripPoints) {
  zone(0, "cpu-thermal", "40000\n");
  const auto trip = [&](int number, std::string_view type, std::string_view millidegrees) {
    const std::string stem = "sys/class/thermal/thermal_zone0/trip_point_" + std::to_string(number);
    tree_.write(stem + "_type", type);
    tree_.write(stem + "_temp", millidegrees);
  };
  trip(0, "critical\n", "104500\n");
  trip(1, "hot\n", "103000\n");
  trip(2, "passive\n", "99000\n");
  trip(3, "active\n", "50000\n");
  trip(4, "passive\n", "-274000\n");
  trip(5, "passive\n", "warm\n");
  trip(6, "(EIO)", "1\n");
  trip(7, "passive\n", "98000\n");
  const Batch batch = collect(collector_);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].reason, ErrorReason::parse);
  EXPECT_THAT(value(batch, Signal::temperature_trip_celsius, "cpu", "throttle"), Optional(98.0));
  EXPECT_THAT(value(batch, Signal::temperature_trip_celsius, "cpu", "shutdown"), Optional(104.5));
}

TEST(ThermalZoneName, Forms) {
  EXPECT_EQ(thermal_zone_name("CPU-therm\n"), "cpu");
  EXPECT_EQ(thermal_zone_name("cpu-thermal"), "cpu");
  EXPECT_EQ(thermal_zone_name("thermal"), "thermal");
  EXPECT_EQ(thermal_zone_name("Tboard_tegra"), "tboard_tegra");
  EXPECT_EQ(thermal_zone_name("soc012-thermal"), "soc012");
  EXPECT_EQ(thermal_zone_name("PMIC-Die"), std::nullopt);
  EXPECT_EQ(thermal_zone_name(""), std::nullopt);
  EXPECT_EQ(thermal_zone_name("-therm"), std::nullopt);
}

}  // namespace
}  // namespace tegrascope
