// Collector "rails": power rails from the board's INA monitors, and board_power_watts (board_power.hpp).
//
//   JetPack 5 on  hwmon devices named ina3221 (SYSFS/class/hwmon, SYSFS/bus/i2c/drivers/ina3221/*/hwmon): inN_label,
//                 inN_input mV, currN_input mA for N = 1..3. Inputs 4 on are shunt voltages and sums of the three, the
//                 label NC is a channel that nothing is wired to: both skipped.
//   Thor          hwmon ina238 measures the module's input: in1_input mV, curr1_input mA, power1_input uW; it has no
//                 label file and is called VIN, as tegrastats does.
//   JetPack 4     SYSFS/bus/i2c/drivers/ina3221x/*/iio:device*: rail_name_K, in_voltageK_input mV, in_currentK_input
//                 mA, in_powerK_input mW.
//
// rail_averaging_seconds and board_averaging_seconds: the time constant of the chip's running average, from the
// hwmon attributes `samples` and `update_interval`, read every 10 s and never written (it would change for
// everybody who reads the board).
//
// rail_power_watts is voltage times current unless the chip gives power itself. One read costs the board
// about 0.55 ms of I2C. Negative currents are real readings near zero.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class RailsCollector final : public Collector {
 public:
  explicit RailsCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "rails"; }
  void collect(Batch& out) override;

 private:
  struct Rail {
    std::string name;
    std::optional<SysfsFile> millivolts, milliamperes, power;
    double watts_per_unit = 0;                  // of `power`
    std::filesystem::path chip{};               // has `samples`; empty where the chip's driver does not tell
    std::optional<double> averaging_seconds{};  // empty while it cannot be read
  };
  std::vector<Rail> find() const;
  static void find_hwmon(const std::filesystem::path& folder, std::vector<Rail>& rails);
  static void find_iio(const std::filesystem::path& folder, std::vector<Rail>& rails);
  static void add(Rail rail, std::vector<Rail>& rails);
  void read_averaging_of_chips(std::vector<ReadError>& errors);
  void collect_rail(Rail& rail, Batch& out, std::optional<double>& watts, MonotonicTime& at);

  std::filesystem::path sysfs_;
  std::vector<Rail> rails_;
  bool lost_ = false;
  Probe probe_;
  Every averaging_{kProbePeriod};
};

// Time constant of an INA3221's running average over `samples` cycles; 0 with one sample. `update_interval` is one
// cycle of all channels in milliseconds, or in older drivers (Linux 5.0 to 6.1) already all samples of it: above 50 ms,
// which no cycle takes, it is the latter.
double averaging_seconds(std::int64_t samples, std::int64_t update_interval_ms);

}  // namespace tegrascope
