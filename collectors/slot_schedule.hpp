// When to sample. Pure arithmetic on times that the caller gives; one thread.
//
// Time is cut into slots on the absolute monotonic clock: slot k covers [k * interval, (k + 1) * interval).
// Each slot is sampled once, at a uniformly random instant in it. A fixed phase would alias with decode,
// whose period at 10 token/s equals a 10 Hz sampler's.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "agent/model/time.hpp"

namespace tegrascope {

class SlotSchedule {
 public:
  SlotSchedule(Nanoseconds interval, std::uint64_t seed) : interval_(interval), random_(seed) {}

  struct Slot {
    MonotonicTime begin{};
    MonotonicTime end{};
    std::uint64_t missed = 0;  // slots between the one sampled before and this one
  };

  Nanoseconds interval() const { return interval_; }

  // Changes the grid. The slot of the new grid that is now running may be sampled at once, and nothing counts
  // as missed.
  void set_interval(Nanoseconds interval);

  // A random instant, not before `now`, in the first slot that has not been sampled and has not ended: the
  // running one or the next. Call it once per sample; each call draws anew.
  MonotonicTime next_instant(MonotonicTime now);

  // A sample is taken now: the slot that contains `now`, and how many were missed since the last sample. A
  // late wake-up samples the slot it is late in; what was missed is never made up for.
  Slot sampled(MonotonicTime now);

 private:
  std::int64_t index_of(MonotonicTime time) const { return time.time_since_epoch() / interval_; }
  MonotonicTime begin_of(std::int64_t index) const { return MonotonicTime{interval_ * index}; }

  Nanoseconds interval_;
  std::mt19937_64 random_;
  std::optional<std::int64_t> last_;
};

// Which slots a collector with a period runs in: the last one that ends no later than `period` after the end of the slot
// it last ran in, or every slot where slots are longer. Ends are compared, so that random instants inside slots never
// make it skip one.
class PeriodSchedule {
 public:
  explicit PeriodSchedule(Nanoseconds period) : period_(period) {}

  struct Run {
    bool due = false;
    std::uint64_t missed = 0;  // runs that should have been since the last one
  };
  // `slot` is the one being sampled; a due run counts as done.
  Run due(const SlotSchedule::Slot& slot);

 private:
  Nanoseconds period_;
  std::optional<MonotonicTime> last_end_;
  std::uint64_t missed_ = 0;
};

}  // namespace tegrascope
