#include "collectors/jetson/throttle.hpp"

#include <array>
#include <limits>

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 3> kSources{"oc1", "oc2", "oc3"};

}  // namespace

ThrottleCollector::ThrottleCollector(const HostPaths& paths) : folder_(paths.sysfs / "class/hwmon") {}

std::vector<ThrottleCollector::Source> ThrottleCollector::find() const {
  std::vector<Source> sources;
  for (const std::string& entry : list_directory(folder_)) {
    if (read_once(folder_ / entry / "name") != "soctherm_oc") continue;
    for (const std::string_view name : kSources) {
      const std::string source(name);
      if (auto events = SysfsFile::if_present(folder_ / entry / (source + "_event_cnt")))
        sources.push_back({source, *std::move(events),
                           SysfsFile::if_present(folder_ / entry / (source + "_throt_en")), std::nullopt});
    }
    break;
  }
  return sources;
}

void ThrottleCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), sources_.empty() || lost_)) {
    if (auto found = find(); !found.empty()) {
      for (Source& source : found)
        for (const Source& known : sources_)
          if (known.name == source.name) source.last = known.last;
      sources_ = std::move(found);
    }
  }
  out.absent = sources_.empty();
  lost_ = false;
  std::optional<MonotonicTime> at;
  bool throttled = false;
  for (Source& source : sources_) {
    const auto events = source.events.read_integer(0, std::numeric_limits<std::int64_t>::max());
    events.report(out.errors);
    lost_ = lost_ || events.failed_with(ErrorReason::missing);
    if (!events) continue;
    at = events.at();
    out.readings.push_back(
        {Signal::throttle_events, "", source.name, static_cast<double>(*events), events.at()});
    const bool counted = source.last && *events > *source.last;
    source.last = *events;
    if (!counted) continue;
    const bool throttles = !source.throttles || [&] {
      const auto enabled = source.throttles->read_integer(0, 1);
      enabled.report(out.errors);
      return !enabled || *enabled == 1;
    }();
    throttled = throttled || throttles;
  }
  if (at) out.readings.push_back({Signal::throttled, "", "overcurrent", throttled ? 1.0 : 0.0, *at});
}

}  // namespace tegrascope
