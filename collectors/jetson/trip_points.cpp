#include "collectors/jetson/trip_points.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

constexpr int kMostTrips = 16;
constexpr std::int64_t kLowestMillidegrees = -50'000;
constexpr std::int64_t kHighestMillidegrees = 250'000;
constexpr std::int64_t kAnyMillidegrees = std::numeric_limits<std::int32_t>::max();

}  // namespace

TripPoints read_trip_points(const std::filesystem::path& zone, std::vector<ReadError>& errors) {
  TripPoints trips;
  for (int i = 0; i < kMostTrips; ++i) {
    const std::string stem = "trip_point_" + std::to_string(i);
    const std::string type = read_once(zone / (stem + "_type"));
    if (type.empty() && !is_present(zone / (stem + "_type"))) break;
    const bool shutdown = type == "critical";
    if (!shutdown && type != "passive" && type != "hot") continue;
    const auto millidegrees =
        read_integer_once(zone / (stem + "_temp"), -kAnyMillidegrees, kAnyMillidegrees, errors);
    if (!millidegrees || *millidegrees < kLowestMillidegrees || *millidegrees > kHighestMillidegrees)
      continue;
    const double celsius = static_cast<double>(*millidegrees) / 1e3;
    std::optional<double>& trip = shutdown ? trips.shutdown : trips.throttle;
    trip = std::min(trip.value_or(celsius), celsius);
  }
  return trips;
}

}  // namespace tegrascope
