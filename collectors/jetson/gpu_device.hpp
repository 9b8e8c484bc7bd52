// Where a Jetson's integrated GPU is in sysfs. Pure look-up; any thread.
//
// Found by SYSFS/class/devfreq/*/device/of_node/name (gv11b, gp10b, ga10b, gb10b, gpu), else at the paths of
// older releases. Thor has a clock (devfreq gpu-gpc-0) and no device with a `load`. Other makers' GPUs have a
// node named "gpu" as well: it counts with a per-mille `load` beside it, or on a Tegra.
#pragma once

#include <filesystem>
#include <optional>

namespace tegrascope {

struct GpuDevice {
  std::filesystem::path device;   // where `load` is, or belongs; empty on Thor
  std::filesystem::path devfreq;  // has cur_freq; empty when the driver offers none
};

std::optional<GpuDevice> find_gpu_device(const std::filesystem::path& sysfs);

}  // namespace tegrascope
