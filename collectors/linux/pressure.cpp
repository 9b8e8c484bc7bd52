#include "collectors/linux/pressure.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "collectors/text.hpp"

namespace tegrascope {

PressureCollector::PressureCollector(const HostPaths& paths)
    : paths_(paths), page_bytes_(static_cast<double>(::sysconf(_SC_PAGESIZE))) {}

void PressureCollector::collect(Batch& out) {
  if ((!pressure_ || !vmstat_ || !buddyinfo_) && probe_.due(slot_time(out))) {
    if (!pressure_) pressure_ = SysfsFile::if_present(paths_.procfs / "pressure/memory");
    if (!vmstat_) vmstat_ = SysfsFile::if_present(paths_.procfs / "vmstat");
    if (!buddyinfo_) buddyinfo_ = SysfsFile::if_present(paths_.procfs / "buddyinfo");
  }
  out.absent = !pressure_ && !vmstat_ && !buddyinfo_;
  if (pressure_) collect_pressure(out);
  if (vmstat_) collect_vmstat(out);
  if (buddyinfo_) collect_buddyinfo(out);
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345", microseconds.
void PressureCollector::collect_pressure(Batch& out) {
  const auto text = pressure_->read_text(buffer_);
  text.report(out.errors);
  if (!text) return;
  bool any = false;
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.empty() || (fields[0] != "some" && fields[0] != "full")) return;
    std::string_view total = fields.back();
    if (!remove_prefix(total, "total=")) return;
    const auto microseconds = to_integer<std::uint64_t>(total);
    if (!microseconds) return;
    any = true;
    out.readings.push_back({Signal::memory_stalled_seconds, "", std::string(fields[0]),
                            static_cast<double>(*microseconds) / 1e6, text.at()});
  });
  if (!any)
    out.errors.push_back({ErrorReason::parse,
                          pressure_->path().string() + ": expected 'some ... total=', got " + quoted(*text)});
}

void PressureCollector::collect_vmstat(Batch& out) {
  const auto text = vmstat_->read_text(buffer_);
  text.report(out.errors);
  if (!text) return;
  struct Field {
    std::string_view name;
    Signal signal;
    double unit;
  };
  const std::array fields{Field{"oom_kill", Signal::oom_kills, 1},
                          Field{"pswpin", Signal::swap_in_bytes, page_bytes_},
                          Field{"pswpout", Signal::swap_out_bytes, page_bytes_}};
  bool any = false;
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto blank = line.find(' ');
    const auto value =
        blank == std::string_view::npos ? std::nullopt : to_integer<std::uint64_t>(line.substr(blank + 1));
    any = any || value;
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& f) { return f.name == line.substr(0, blank); });
    if (field == fields.end()) return;
    any = true;
    if (value)
      out.readings.push_back({field->signal, "", "", static_cast<double>(*value) * field->unit, text.at()});
    else
      out.errors.push_back(
          {ErrorReason::parse, vmstat_->path().string() + ": expected a count, got " + quoted(line)});
  });
  if (!any)
    out.errors.push_back(
        {ErrorReason::parse, vmstat_->path().string() + ": expected counts, got " + quoted(*text)});
}

// "Node 0, zone   Normal   9   4   0 ...": free blocks of 1, 2, 4 ... pages.
void PressureCollector::collect_buddyinfo(Batch& out) {
  const auto text = buddyinfo_->read_text(buffer_);
  text.report(out.errors);
  if (!text) return;
  constexpr std::size_t kFirstOrder = 4;
  constexpr std::size_t kMostOrders = 32;
  std::optional<std::size_t> largest;
  bool any = false;
  for_each_part(*text, '\n', [&](std::string_view line) {
    const auto fields = split_fields(line);
    if (fields.size() <= kFirstOrder || fields.size() > kFirstOrder + kMostOrders || fields[0] != "Node")
      return;
    any = true;
    for (std::size_t i = kFirstOrder; i < fields.size(); ++i) {
      const auto blocks = to_integer<std::uint64_t>(fields[i]);
      if (blocks && *blocks > 0) largest = std::max(largest.value_or(0), i - kFirstOrder);
    }
  });
  if (!any)
    out.errors.push_back(
        {ErrorReason::parse, buddyinfo_->path().string() + ": expected free blocks, got " + quoted(*text)});
  if (largest)
    out.readings.push_back({Signal::memory_largest_free_block_bytes, "", "",
                            std::ldexp(page_bytes_, static_cast<int>(*largest)), text.at()});
}

}  // namespace tegrascope
