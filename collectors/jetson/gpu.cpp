#include "collectors/jetson/gpu.hpp"

#include <algorithm>
#include <array>

#include "collectors/text.hpp"

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
constexpr std::int64_t kFastestHertz = 10'000'000'000;
constexpr std::string_view kGpu = "0";

}  // namespace

GpuCollector::GpuCollector(const HostPaths& paths) : sysfs_(paths.sysfs) {}

std::optional<GpuCollector::Device> GpuCollector::find() const {
  std::filesystem::path device, devfreq;
  for (const std::string& entry : list_directory(sysfs_ / "class/devfreq")) {
    const auto folder = sysfs_ / "class/devfreq" / entry;
    const std::string node = read_once(folder / "device/of_node/name");
    const bool nvidia = std::find(kNodeNames.begin(), kNodeNames.end(), node) != kNodeNames.end();
    const bool has_load = is_present(folder / "device/load");
    // Other makers' GPUs have a node named "gpu" as well, but no per-mille `load` beside it.
    if (!nvidia && !(node == "gpu" && has_load) && entry != kThorDevfreq) continue;
    devfreq = folder;
    if (has_load) device = folder / "device";
    break;
  }
  for (const std::string_view path : kDevices)
    if (device.empty() && is_present(sysfs_ / path / "load")) device = sysfs_ / path;
  if (devfreq.empty() && !device.empty())
    for (const std::string& entry : list_directory(device / "devfreq")) devfreq = device / "devfreq" / entry;
  if (device.empty() && devfreq.empty()) return std::nullopt;

  Device found;
  if (!device.empty()) {
    found.load = SysfsFile::if_present(device / "load");
    found.runtime_status = SysfsFile::if_present(device / "power/runtime_status");
  }
  if (!devfreq.empty()) {
    found.frequency = SysfsFile::if_present(devfreq / "cur_freq");
    found.frequency_max = SysfsFile::if_present(devfreq / "max_freq");
  }
  return found;
}

void GpuCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), !device_ || lost_))
    if (auto found = find()) device_ = std::move(found);
  out.absent = !device_;
  if (!device_) return;
  lost_ = false;

  if (device_->load) collect_load(*device_, out);
  const auto read_clock = [&](std::optional<SysfsFile>& file, Signal signal) {
    if (!file) return;
    const auto hertz = file->read_integer(0, kFastestHertz);
    hertz.report(out.errors);
    lost_ = lost_ || hertz.failed_with(ErrorReason::missing);
    if (hertz)
      out.readings.push_back({signal, std::string(kGpu), "", static_cast<double>(*hertz), hertz.at()});
  };
  read_clock(device_->frequency, Signal::gpu_frequency_hertz);
  read_clock(device_->frequency_max, Signal::gpu_frequency_max_hertz);
}

void GpuCollector::collect_load(Device& device, Batch& out) {
  if (device.runtime_status) {
    const auto status = device.runtime_status->read_text(buffer_);
    status.report(out.errors);
    if (status && trim(*status) == "suspended") {
      out.readings.push_back({Signal::gpu_utilization_ratio, std::string(kGpu), "", 0.0, status.at()});
      return;
    }
  }
  const auto load = device.load->read_integer(0, 1000);
  load.report(out.errors);
  lost_ = lost_ || load.failed_with(ErrorReason::missing);
  if (load)
    out.readings.push_back({Signal::gpu_utilization_ratio, std::string(kGpu), "",
                            static_cast<double>(*load) / 1000.0, load.at()});
}

}  // namespace tegrascope
