// Collector "fan": drive and speed of the board's fans, numbered from 1 in the order of their hwmon devices.
//
//   fan_duty_ratio  pwm1 (0-255) of hwmon devices whose name begins with pwmfan, or SYSFS/devices/pwm-fan/target_pwm
//                   (JetPack 4)
//   fan_speed_rpm   `rpm` of hwmon devices whose name holds "tach", fan1_input of the pwmfan device, or
//                   SYSFS/devices/pwm-fan/rpm_measured; lags by seconds
#pragma once

#include <optional>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class FanCollector final : public Collector {
 public:
  explicit FanCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "fan"; }
  void collect(Batch& out) override;

 private:
  struct Fan {
    int number = 0;
    SysfsFile file;
  };
  void find();

  std::filesystem::path sysfs_;
  std::vector<Fan> duties_, speeds_;
  bool lost_ = false;
  Probe probe_;
};

}  // namespace tegrascope
