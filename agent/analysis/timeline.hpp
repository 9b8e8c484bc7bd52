// The newest reading of each series and what collectors say of themselves. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "agent/attribution/averaging.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

// Older than this a reading is not shown: five idle sampling intervals.
inline constexpr Nanoseconds kReadingStaleAfter = std::chrono::seconds(5);

// What a batch says of its collector.
struct BatchHealth {
  bool up = false;         // the read worked
  std::string_view error;  // ReadError::where of the first failure, or ""; lives as long as the batch
};
BatchHealth health_of(const Batch& batch);

class Timeline {
 public:
  Timeline() = default;
  Timeline(const Timeline&) = delete;  // it points into itself
  Timeline& operator=(const Timeline&) = delete;

  // Takes a batch in. Returns those of its readings that were accepted: tegrastats stands in for a sensor only while
  // no other collector has a fresh value of the same series.
  std::vector<const Reading*> add(const Batch& batch);

  std::vector<Reading> fresh(MonotonicTime now) const;
  std::vector<CollectorStatus> collectors() const;
  // Energy of each rail since the agent started, nanojoules: what the sensor itself counted
  // (rail_energy_joules), or the time integral of its power; the sensor's own averaging is undone.
  std::map<std::string, std::int64_t> rail_energy_nj() const;
  // Times that cooling began to hold clocks down, since the agent started, as the samples show it; nothing on
  // boards that do not tell.
  std::optional<std::uint64_t> thermal_throttle_events() const { return thermal_events_; }
  // Time integral of a signal since the agent started, by Reading::kind; the signals that integrates() names.
  std::map<std::string, double> integral(Signal signal) const;

 private:
  struct Latest {
    Reading reading;
    std::string collector;
  };
  using Key = std::tuple<Signal, std::string, std::string>;
  // Trapezoid over the samples of one series; a gap adds nothing. With a counter of the sensor's own, its growth.
  struct Integral {
    MonotonicTime at{};
    double value = 0;
    RisingSum sum;
    bool started = false;
    std::optional<double> counter;
  };

  using Place = std::map<Key, Latest>::iterator;
  using Places = std::vector<Place>;

  Latest& find(const Reading& reading, Place& place);
  static bool integrates(Signal signal);
  void integrate(const Reading& reading);
  void count_thermal_event(const Reading& reading);
  void count(const Reading& reading);
  void forget_other_kinds(const Reading& reading);

  std::map<Key, Latest> latest_;
  std::map<std::string, Places> places_;  // collector -> of the readings of its last batch, in their order
  std::map<std::string, CollectorStatus> collectors_;
  std::map<Key, Integral> integrals_;
  std::map<std::string, Nanoseconds> rail_averaging_;
  std::optional<std::uint64_t> thermal_events_;
};

}  // namespace tegrascope
