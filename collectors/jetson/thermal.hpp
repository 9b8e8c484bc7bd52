// Collector "thermal": temperature_celsius of SYSFS/class/thermal/thermal_zone*/{type,temp}, and
// temperature_trip_celsius (trip_points.hpp; read when the zones are looked for, every minute) of the same zones.
//
// Zones are known by type, never by number, which changes between boots. Zones of powered-off blocks (gpu,
// cv0-cv2 on Orin) answer EAGAIN at every read, JetPack 5 prints -256 degrees for them: unavailable,
// without a second try. PMIC zones are left out: Jetsons print a constant 50 or 100 degrees there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/jetson/trip_points.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class ThermalCollector final : public Collector {
 public:
  explicit ThermalCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "thermal"; }
  void collect(Batch& out) override;

 private:
  struct Zone {
    std::string name;
    std::filesystem::path path;            // of the temperature
    std::optional<SysfsFile> temperature;  // absent: the zone has trip points only
    TripPoints trips;
  };
  std::vector<Zone> find(std::vector<ReadError>& errors) const;

  std::filesystem::path folder_;
  std::vector<Zone> zones_;
  bool lost_ = false;
  Probe probe_;
};

// "CPU-therm", "cpu-thermal" and tegrastats' "CPU" as "cpu"; nothing for the PMIC placeholder.
std::optional<std::string> thermal_zone_name(std::string_view type);

// At this temperature and below a zone has no sensor reading.
inline constexpr double kNoTemperatureCelsius = -256.0;

}  // namespace tegrascope
