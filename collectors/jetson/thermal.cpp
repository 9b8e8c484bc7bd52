#include "collectors/jetson/thermal.hpp"

#include <algorithm>

#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::int64_t kColdestMillidegrees = -1'000'000;  // sentinels are sorted out below
constexpr std::int64_t kHottestMillidegrees = 250'000;

}  // namespace

std::optional<std::string> thermal_zone_name(std::string_view type) {
  std::string name = lower(trim(type));
  std::string_view stem = name;
  if (!remove_suffix(stem, "-thermal")) remove_suffix(stem, "-therm");
  if (stem.empty() || stem == "pmic" || stem == "pmic-die") return std::nullopt;
  return std::string(stem);
}

ThermalCollector::ThermalCollector(const HostPaths& paths) : folder_(paths.sysfs / "class/thermal") {}

std::vector<ThermalCollector::Zone> ThermalCollector::find(std::vector<ReadError>& errors) const {
  std::vector<Zone> zones;
  for (const std::string& entry : list_directory(folder_)) {
    std::string_view number = entry;
    if (!remove_prefix(number, "thermal_zone")) continue;
    auto name = thermal_zone_name(read_once(folder_ / entry / "type"));
    if (!name) continue;
    const bool taken =
        std::any_of(zones.begin(), zones.end(), [&](const Zone& zone) { return zone.name == *name; });
    if (taken) *name += "-" + std::string(number);  // PCs have several zones of one type
    const auto path = folder_ / entry / "temp";
    zones.push_back(
        {*std::move(name), path, SysfsFile::if_present(path), read_trip_points(folder_ / entry, errors)});
  }
  return zones;
}

void ThermalCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), zones_.empty() || lost_))
    if (auto found = find(out.errors); !found.empty()) zones_ = std::move(found);
  out.absent = zones_.empty();
  lost_ = false;
  for (Zone& zone : zones_) {
    const auto emit_trip = [&](const char* trip, std::optional<double> celsius) {
      if (celsius)
        out.readings.push_back({Signal::temperature_trip_celsius, zone.name, trip, *celsius, slot_time(out)});
    };
    emit_trip("throttle", zone.trips.throttle);
    emit_trip("shutdown", zone.trips.shutdown);
    if (!zone.temperature) {  // as for blocks that the board lacks: no reason to look more often
      out.errors.push_back({ErrorReason::unavailable, zone.path.string() + ": there is no such file"});
      continue;
    }
    const auto millidegrees = zone.temperature->read_integer(kColdestMillidegrees, kHottestMillidegrees);
    millidegrees.report(out.errors);
    lost_ = lost_ || millidegrees.failed_with(ErrorReason::missing);
    if (!millidegrees) continue;
    const double celsius = static_cast<double>(*millidegrees) / 1e3;
    if (celsius > kNoTemperatureCelsius)
      out.readings.push_back({Signal::temperature_celsius, zone.name, "", celsius, millidegrees.at()});
    else
      out.errors.push_back(
          {ErrorReason::unavailable,
           zone.path.string() + ": " + std::to_string(*millidegrees) + " stands for no reading"});
  }
}

}  // namespace tegrascope
