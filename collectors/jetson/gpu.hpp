// Collector "gpu": load and clock of a Jetson's integrated GPU (instance "0").
//
//   gpu_utilization_ratio    DEVICE/load, per mille: the driver's mean over the last 284 ms, 0.142 s old on average
//   gpu_frequency_hertz      cur_freq of the GPU's devfreq
//   gpu_frequency_max_hertz  max_freq of the GPU's devfreq: the present limit, which the power mode lowers
//   gpu_railgated            1 when DEVICE/power/runtime_status is suspended, 0 when it is active
//
// DEVICE is found by gpu_device.hpp; searched again as probe.hpp says, because nvgpu may load after the
// agent (jetson_stats#889) and paths move. Each file is read whether or not the others are there. Thor has no
// `load`: only its devfreq gives the clock.
//
// While DEVICE/power/runtime_status says "suspended" the reading is 0: the GPU is powered off and does no
// work. `load` is not read then, because reading it would wake the GPU.
#pragma once

#include <optional>
#include <string>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class GpuCollector final : public Collector {
 public:
  explicit GpuCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "gpu"; }
  void collect(Batch& out) override;

 private:
  struct Device {
    std::optional<SysfsFile> load, runtime_status, frequency, frequency_max;
    bool has_load = false;  // or should have: not on Thor
  };
  std::optional<Device> find() const;
  bool is_suspended(Device& device, Batch& out);
  void collect_load(Device& device, Batch& out);

  std::filesystem::path sysfs_;
  std::optional<Device> device_;
  bool lost_ = false;  // a file of the device was missing at the last read
  Probe probe_;
  std::string buffer_;
};

}  // namespace tegrascope
