// What the board draws when nothing runs: a low quantile of slices in which it verifiably did nothing. Never
// derived from utilisation, which would leave no idle share at full load
// (sustainable-computing-io/kepler#2465). Pure; one thread at a time.
#pragma once

#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>

#include "agent/model/time.hpp"

namespace tegrascope {

// What the idle power depends on. Absent: not known, or left out.
struct IdleKey {
  std::optional<int> power_mode;  // nvpmodel
  std::optional<bool> clocks_locked;
  std::optional<bool> model_resident;
  std::optional<int> temperature_decade;  // leakage grows with heat: degrees Celsius / 10
  friend auto operator<=>(const IdleKey&, const IdleKey&) = default;
};

// The slices of one key.
class IdlePower {
 public:
  void add(MonotonicTime at, double watts, Nanoseconds duration);

  // 10th percentile of the last 600 seconds of idle, but not above the lowest mean of half a minute in the
  // last hour; absent until a minute is covered, and when the last slice is more than a day old.
  std::optional<double> watts(MonotonicTime now) const;
  MonotonicTime last() const { return last_; }
  // What an earlier run knew, of idle time that ended at `last` (before the boot it is negative): it stands until a
  // minute of its own is covered.
  void restore(double watts, MonotonicTime last);

 private:
  struct Mean {
    MonotonicTime at{};
    double joules = 0;
    Nanoseconds duration{};
    double watts() const { return joules / to_seconds(duration); }
  };
  // Adds to the one being filled; true when it has reached `length`.
  static bool fill(Mean& mean, MonotonicTime at, double watts, Nanoseconds duration, Nanoseconds length);

  std::deque<Mean> seconds_;
  std::deque<Mean> half_minutes_;
  Mean second_;
  Mean half_minute_;
  MonotonicTime last_{};
  std::optional<double> restored_;
  mutable std::optional<double> quantile_;
};

class IdleBaseline {
 public:
  // Adds the mean power of one verified-idle slice that ended at `at`.
  void add(const IdleKey& key, MonotonicTime at, double watts, Nanoseconds duration);

  // Of this key; where too little is known of it, of the key without temperature, then without residency as
  // well. Absent: no baseline.
  std::optional<double> watts(const IdleKey& key, MonotonicTime now) const;

  const std::map<IdleKey, IdlePower>& powers() const { return powers_; }
  void restore(const IdleKey& key, double watts, MonotonicTime last);

 private:
  std::map<IdleKey, IdlePower> powers_;
};

}  // namespace tegrascope
