#include "collectors/slot_schedule.hpp"

#include <algorithm>

namespace tegrascope {

void SlotSchedule::set_interval(Nanoseconds interval) {
  if (interval == interval_) return;
  interval_ = interval;
  last_.reset();
}

MonotonicTime SlotSchedule::next_instant(MonotonicTime now) {
  std::int64_t index = index_of(now);
  if (last_ && index <= *last_) index = *last_ + 1;
  const MonotonicTime from = std::max(now, begin_of(index));
  const Nanoseconds room = begin_of(index + 1) - from;
  return from + Nanoseconds{std::uniform_int_distribution<std::int64_t>(0, room.count() - 1)(random_)};
}

SlotSchedule::Slot SlotSchedule::sampled(MonotonicTime now) {
  const std::int64_t index = index_of(now);
  Slot slot{begin_of(index), begin_of(index + 1), 0};
  if (last_ && index > *last_ + 1) slot.missed = static_cast<std::uint64_t>(index - *last_ - 1);
  last_ = index;
  return slot;
}

PeriodSchedule::Run PeriodSchedule::due(const SlotSchedule::Slot& slot) {
  if (period_ <= Nanoseconds::zero()) return {true, slot.missed};
  missed_ += slot.missed;
  const Nanoseconds length = slot.end - slot.begin;
  const Nanoseconds since = last_end_ ? slot.end - *last_end_ : Nanoseconds::max() - length;
  const bool waits = period_ > length ? since + length <= period_ : since < period_;
  if (waits) return {};
  Run run{true, missed_};
  if (period_ > length)
    run.missed = last_end_ ? static_cast<std::uint64_t>(std::max(since / period_, std::int64_t{1})) - 1 : 0;
  last_end_ = slot.end;
  missed_ = 0;
  return run;
}

}  // namespace tegrascope
