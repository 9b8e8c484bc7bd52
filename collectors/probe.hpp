// When a collector looks for its files again.
#pragma once

#include <chrono>
#include <optional>

#include "agent/model/reading.hpp"

namespace tegrascope {

// The time of the slot being collected: Batch::started as the caller set it, else now.
inline MonotonicTime slot_time(const Batch& batch) {
  return batch.started != MonotonicTime{} ? batch.started : monotonic_now();
}

// True the first time and then at most once per `period`.
class Every {
 public:
  explicit Every(Nanoseconds period) : period_(period) {}
  bool due(MonotonicTime now) {
    if (last_ && now - *last_ < period_) return false;
    last_ = now;
    return true;
  }

 private:
  Nanoseconds period_;
  std::optional<MonotonicTime> last_;
};

// Hardware that was not found is looked for this often: drivers load late, paths move.
inline constexpr std::chrono::seconds kProbePeriod{10};

// When to look for a collector's files: every 10 s while some are missing, once a minute while all is well,
// because a part of a board's sensors may come up after the rest.
class Probe {
 public:
  bool due(MonotonicTime now, bool missing) {
    if (last_ && now - *last_ < (missing ? Nanoseconds{kProbePeriod} : Nanoseconds{std::chrono::minutes{1}}))
      return false;
    last_ = now;
    return true;
  }

 private:
  std::optional<MonotonicTime> last_;
};

}  // namespace tegrascope
