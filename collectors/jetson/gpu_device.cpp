#include "collectors/jetson/gpu_device.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 4> kNodeNames{"gv11b", "gp10b", "ga10b", "gb10b"};
constexpr std::string_view kThorDevfreq = "gpu-gpc-0";
// Nano to Xavier, Orin on JetPack 5, Orin on JetPack 6.
constexpr std::array<std::string_view, 8> kDevices{"devices/gpu.0",
                                                   "devices/platform/gpu.0",
                                                   "devices/platform/17000000.gv11b",
                                                   "devices/platform/17000000.ga10b",
                                                   "devices/platform/17000000.gpu",
                                                   "devices/platform/bus@0/17000000.gpu",
                                                   "devices/57000000.gpu",
                                                   "devices/17000000.gp10b"};

bool is_tegra(const std::filesystem::path& sysfs) {
  return read_once(sysfs / "firmware/devicetree/base/compatible").find("nvidia,tegra") != std::string::npos;
}

}  // namespace

std::optional<GpuDevice> find_gpu_device(const std::filesystem::path& sysfs) {
  GpuDevice found;
  auto& [device, devfreq] = found;
  for (const std::string& entry : list_directory(sysfs / "class/devfreq")) {
    const auto folder = sysfs / "class/devfreq" / entry;
    const std::string node = read_once(folder / "device/of_node/name");
    const bool has_load = is_present(folder / "device/load");
    const bool found_by_node = std::find(kNodeNames.begin(), kNodeNames.end(), node) != kNodeNames.end() ||
                               (node == "gpu" && (has_load || is_tegra(sysfs)));
    if (!found_by_node && entry != kThorDevfreq) continue;
    devfreq = folder;
    if (has_load || entry != kThorDevfreq) device = folder / "device";
    break;
  }
  for (const std::string_view path : kDevices)
    if (device.empty() && is_present(sysfs / path / "load")) device = sysfs / path;
  if (devfreq.empty() && !device.empty())
    for (const std::string& entry : list_directory(device / "devfreq")) devfreq = device / "devfreq" / entry;
  if (device.empty() && devfreq.empty()) return std::nullopt;
  return found;
}

}  // namespace tegrascope
