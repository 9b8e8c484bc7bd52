#include "collectors/jetson/nvpmodel.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "collectors/jetson/gpu_device.hpp"
#include "collectors/linux/cpufreq.hpp"
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

void NvpmodelCollector::find() {
  if (auto status = SysfsFile::if_present(paths_.rootfs / "var/lib/nvpmodel/status"))
    status_ = std::move(status);
  if (status_)
    if (auto names = parse_power_models(read_conf(paths_.rootfs)); !names.empty()) names_ = std::move(names);
  const auto limits = [](const std::filesystem::path& lowest, const std::filesystem::path& highest) {
    auto low = SysfsFile::if_present(lowest);
    auto high = SysfsFile::if_present(highest);
    return low && high ? std::optional(Limits{*std::move(low), *std::move(high)}) : std::nullopt;
  };
  const auto device = find_gpu_device(paths_.sysfs);
  if (device && !device->devfreq.empty())
    if (auto found = limits(device->devfreq / "min_freq", device->devfreq / "max_freq"))
      gpu_ = std::move(found);
  if (!gpu_) return;
  const auto folder = paths_.sysfs / "devices/system/cpu";
  std::vector<Limits> cpus;
  std::set<std::filesystem::path> policies;
  for (const std::string& entry : list_directory(folder)) {
    std::string_view number = entry;
    if (!remove_prefix(number, "cpu") || !to_integer<int>(number)) continue;
    const auto cpufreq = cpufreq_policy(folder / entry / "cpufreq");
    if (!policies.insert(cpufreq).second) continue;
    if (auto found = limits(cpufreq / "scaling_min_freq", cpufreq / "scaling_max_freq"))
      cpus.push_back(*std::move(found));
  }
  cpus_ = std::move(cpus);
}

void NvpmodelCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), !status_ || names_.empty() || !gpu_ || lost_)) find();
  out.absent = !status_ && !gpu_;
  lost_ = false;
  if (status_) collect_mode(out);
  if (gpu_) collect_clocks(out);
}

void NvpmodelCollector::collect_mode(Batch& out) {
  const auto text = status_->read_text(buffer_);
  text.report(out.errors);
  lost_ = lost_ || text.failed_with(ErrorReason::missing);
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
  bool known = true;
  MonotonicTime at{};
  const auto look = [&](Limits& limits, bool may_go) {
    const auto read = [&](SysfsFile& file) {
      auto hertz = file.read_integer(0, kFastest);
      if (hertz) return hertz;
      const bool gone = hertz.failed_with(ErrorReason::missing) && !is_present(file.path());
      if (may_go && gone) return hertz;
      known = false;
      lost_ = lost_ || gone;
      hertz.report(out.errors);
      return hertz;
    };
    const auto lowest = read(limits.lowest);
    const auto highest = read(limits.highest);
    if (!lowest || !highest) return;
    at = highest.at();
    locked = locked && *lowest == *highest;
  };
  look(*gpu_, false);
  for (Limits& cpu : cpus_) look(cpu, true);  // a core that went offline takes its limits along
  if (known) out.readings.push_back({Signal::clocks_locked, "", "", locked ? 1.0 : 0.0, at});
}

}  // namespace tegrascope
