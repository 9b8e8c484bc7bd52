// The board's own temperature limits: SYSFS/class/thermal/thermal_zone*/trip_point_N_{type,temp}. Read now and
// then, because they are constants of the board.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

struct TripPoints {
  std::optional<double> throttle;  // lowest of the types passive and hot: from here on clocks go down
  std::optional<double> shutdown;  // lowest of the type critical
};

// Types active and others belong to fans and alerts. What is no temperature between -50 and 250 degrees is
// left out: boards mark unused trips with values beyond. A trip that cannot be read is left out, with an error.
TripPoints read_trip_points(const std::filesystem::path& zone, std::vector<ReadError>& errors);

}  // namespace tegrascope
