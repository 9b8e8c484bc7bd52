#include "collectors/linux/cpu.hpp"

#include <algorithm>
#include <array>

#include "collectors/linux/process_stat.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 8> kModes{"user",   "nice", "system",  "idle",
                                                 "iowait", "irq",  "softirq", "steal"};
constexpr int kLastCore = 4095;

}  // namespace

std::optional<std::vector<int>> parse_core_list(std::string_view text) {
  std::vector<int> cores;
  bool good = true;
  text = trim(text);
  if (text.empty()) return cores;  // the kernel's way to write an empty set
  for_each_part(text, ',', [&](std::string_view range) {
    const auto dash = range.find('-');
    const auto first = to_integer<int>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : to_integer<int>(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last > kLastCore || *first > *last) {
      good = false;
      return;
    }
    for (int core = *first; core <= *last; ++core) cores.push_back(core);
  });
  if (!good) return std::nullopt;
  return cores;
}

CpuCollector::CpuCollector(const HostPaths& paths)
    : cpu_folder_(paths.sysfs / "devices/system/cpu"), stat_(paths.procfs / "stat"), clocks_(cpu_folder_) {}

void CpuCollector::collect(Batch& out) {
  collect_stat(out);
  collect_cores(out);
}

void CpuCollector::collect_stat(Batch& out) {
  const auto text = stat_.read_text(buffer_);
  text.report(out.errors);
  if (!text) return;
  bool any = false;
  for_each_part(*text, '\n', [&](std::string_view line) {
    const bool boot = line.starts_with("btime ");
    if (!boot && !(line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9')) return;
    const auto fields = split_fields(line);
    if (boot && fields.size() == 2) {
      if (const auto seconds = to_integer<std::uint64_t>(fields[1]))
        out.readings.push_back({Signal::boot_time_seconds, "", "", static_cast<double>(*seconds), text.at()});
      return;
    }
    const std::string core{fields[0].substr(3)};
    bool good = to_integer<int>(core).has_value() && fields.size() > 4;
    for (std::size_t i = 0; good && i < kModes.size() && i + 1 < fields.size(); ++i) {
      const auto ticks = to_integer<std::uint64_t>(fields[i + 1]);
      if (ticks)
        out.readings.push_back(
            {Signal::cpu_seconds, core, std::string(kModes[i]), to_seconds(from_ticks(*ticks)), text.at()});
      else
        good = false;
    }
    any = any || good;
    if (!good)
      out.errors.push_back(
          {ErrorReason::parse, stat_.path().string() + ": expected ticks of a core, got " + quoted(line)});
  });
  if (!any)
    out.errors.push_back(
        {ErrorReason::parse, stat_.path().string() + ": no line of a core in " + quoted(*text)});
}

void CpuCollector::collect_cores(Batch& out) {
  const bool probing = probe_.due(slot_time(out));
  if (!present_ && probing) present_ = SysfsFile::if_present(cpu_folder_ / "present");
  if (!online_ && probing) online_ = SysfsFile::if_present(cpu_folder_ / "online");
  if (!online_) return;

  const auto read_list = [&](SysfsFile& file, MonotonicTime& at) -> std::optional<std::vector<int>> {
    const auto text = file.read_text(buffer_);
    text.report(out.errors);
    if (!text) return std::nullopt;
    at = text.at();
    auto cores = parse_core_list(*text);
    if (!cores)
      out.errors.push_back(
          {ErrorReason::parse, file.path().string() + ": expected a list of cores, got " + quoted(*text)});
    return cores;
  };
  MonotonicTime at{};
  if (present_ && (probing || !present_cores_)) present_cores_ = read_list(*present_, at);
  const auto online = read_list(*online_, at);
  if (!online) return;
  for (const int core : present_cores_ ? *present_cores_ : *online) {
    const bool on = std::binary_search(online->begin(), online->end(), core);
    out.readings.push_back({Signal::cpu_online, std::to_string(core), "", on ? 1.0 : 0.0, at});
  }
  if (probing) clocks_.find(*online);
  clocks_.read(*online, out);
}

}  // namespace tegrascope
