#include "collectors/jetson/nvpmodel.hpp"

#include <algorithm>
#include <utility>

#include "collectors/jetson/gpu_device.hpp"
#include "collectors/read_watch.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr int kHighestMode = 999;
constexpr std::int64_t kFastest = 20'000'000'000;

// Reads ROOTFS/etc/nvpmodel.conf, which is a link with an absolute target: inside a container that target is
// below ROOTFS.
std::string read_conf(const std::filesystem::path& rootfs) {
  std::filesystem::path path = rootfs / "etc/nvpmodel.conf";
  std::error_code error;
  std::filesystem::path target;
  {
    const WatchedRead read(path);
    if (!read.refused()) target = std::filesystem::read_symlink(path, error);
  }
  if (!error && target.is_absolute()) path = rootfs / target.relative_path();
  return read_once(path);
}

}  // namespace

std::optional<int> parse_power_mode(std::string_view status) {
  for (std::string_view field : split_fields(status)) {
    if (!remove_prefix(field, "pmode:")) continue;
    const auto mode = to_integer<int>(field);
    return mode && *mode >= 0 && *mode <= kHighestMode ? mode : std::nullopt;
  }
  return std::nullopt;
}

std::map<int, std::string> parse_power_models(std::string_view conf) {
  std::map<int, std::string> names;
  for_each_part(conf, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.size() < 4 || fields[0] != "<" || fields[1] != "POWER_MODEL") return;
    std::optional<int> id;
    std::string_view name;
    for (std::string_view field : fields) {
      if (remove_prefix(field, "ID=")) id = to_integer<int>(field);
      if (remove_prefix(field, "NAME=")) name = field;
    }
    if (id && !name.empty()) names[*id] = std::string(name);
  });
  return names;
}

NvpmodelCollector::NvpmodelCollector(const HostPaths& paths) : paths_(paths) {}

void NvpmodelCollector::find(const Batch& out) {
  if (!probe_.due(slot_time(out))) return;
  if (!status_) status_ = SysfsFile::if_present(paths_.rootfs / "var/lib/nvpmodel/status");
  if (!status_) return;
  if (names_.empty()) names_ = parse_power_models(read_conf(paths_.rootfs));
  const auto limits = [](const std::filesystem::path& lowest, const std::filesystem::path& highest) {
    auto low = SysfsFile::if_present(lowest);
    auto high = SysfsFile::if_present(highest);
    return low && high ? std::optional(Limits{*std::move(low), *std::move(high)}) : std::nullopt;
  };
  if (!gpu_) {
    const auto device = find_gpu_device(paths_.sysfs);
    if (device && !device->devfreq.empty())
      gpu_ = limits(device->devfreq / "min_freq", device->devfreq / "max_freq");
  }
  if (!cpus_.empty()) return;
  const auto cpus = paths_.sysfs / "devices/system/cpu";
  for (const std::string& entry : list_directory(cpus)) {
    std::string_view number = entry;
    if (!remove_prefix(number, "cpu") || !to_integer<int>(number)) continue;
    const auto folder = cpus / entry / "cpufreq";
    if (auto found = limits(folder / "scaling_min_freq", folder / "scaling_max_freq"))
      cpus_.push_back(*std::move(found));
  }
}

void NvpmodelCollector::collect(Batch& out) {
  find(out);
  out.absent = !status_;
  if (!status_) return;
  collect_mode(out);
  collect_clocks(out);
}

void NvpmodelCollector::collect_mode(Batch& out) {
  const auto text = status_->read_text(buffer_);
  text.report(out.errors);
  if (!text) return;
  const auto mode = parse_power_mode(*text);
  if (!mode) {
    out.errors.push_back(
        {ErrorReason::parse, status_->path().string() + ": expected pmode:NUMBER, got " + quoted(*text)});
    return;
  }
  const auto name = names_.find(*mode);
  out.readings.push_back({Signal::nvpmodel_mode, "", name == names_.end() ? "" : name->second,
                          static_cast<double>(*mode), text.at()});
}

void NvpmodelCollector::collect_clocks(Batch& out) {
  bool locked = true;
  std::optional<MonotonicTime> at;
  const auto look = [&](Limits& limits) {
    const auto lowest = limits.lowest.read_integer(0, kFastest);
    const auto highest = limits.highest.read_integer(0, kFastest);
    if (!lowest || !highest) return;  // a core that went offline takes its limits along
    at = highest.at();
    locked = locked && *lowest == *highest;
  };
  if (!gpu_) return;
  look(*gpu_);
  if (!at) return;
  for (Limits& cpu : cpus_) look(cpu);
  out.readings.push_back({Signal::clocks_locked, "", "", locked ? 1.0 : 0.0, *at});
}

}  // namespace tegrascope
