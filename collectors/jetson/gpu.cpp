#include "collectors/jetson/gpu.hpp"

#include "collectors/jetson/gpu_device.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kFastestHertz = 10'000'000'000;
constexpr std::string_view kGpu = "0";

}  // namespace

GpuCollector::GpuCollector(const HostPaths& paths) : sysfs_(paths.sysfs) {}

std::optional<GpuCollector::Device> GpuCollector::find() const {
  const auto place = find_gpu_device(sysfs_);
  if (!place) return std::nullopt;
  const auto& [device, devfreq] = *place;

  Device found;
  if (!device.empty()) {
    found.has_load = true;
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
  const bool missing = !device_ || (device_->has_load && !device_->load);
  if (probe_.due(slot_time(out), missing || lost_))
    if (auto found = find()) device_ = std::move(found);
  out.absent = !device_;
  if (!device_) return;
  lost_ = false;

  collect_load(*device_, out);
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

bool GpuCollector::is_suspended(Device& device, Batch& out) {
  if (!device.runtime_status) return false;
  const auto status = device.runtime_status->read_text(buffer_);
  status.report(out.errors);
  const std::string_view state = status ? trim(*status) : std::string_view{};
  const bool suspended = state == "suspended";
  if (suspended || state == "active")
    out.readings.push_back(
        {Signal::gpu_railgated, std::string(kGpu), "", suspended ? 1.0 : 0.0, status.at()});
  if (suspended && device.load)
    out.readings.push_back({Signal::gpu_utilization_ratio, std::string(kGpu), "", 0.0, status.at()});
  return suspended;
}

void GpuCollector::collect_load(Device& device, Batch& out) {
  if (is_suspended(device, out) || !device.load) return;
  const auto load = device.load->read_integer(0, 1000);
  load.report(out.errors);
  lost_ = lost_ || load.failed_with(ErrorReason::missing);
  if (load)
    out.readings.push_back({Signal::gpu_utilization_ratio, std::string(kGpu), "",
                            static_cast<double>(*load) / 1000.0, load.at()});
}

}  // namespace tegrascope
