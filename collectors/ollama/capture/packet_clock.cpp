#include "collectors/ollama/capture/packet_clock.hpp"

#include <chrono>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

// A smaller change is drift, or the time between the reads of the two clocks.
constexpr Nanoseconds kStep = 1ms;
// How long packets from before a step may still come.
constexpr Nanoseconds kStepMemory = 2s;
// Packets come while those in front of them are read.
constexpr Nanoseconds kAhead = 1s;
constexpr Nanoseconds kAheadAfterStep = 20ms;

}  // namespace

void PacketClock::sample(Nanoseconds realtime, MonotonicTime monotonic) {
  const Nanoseconds offset = realtime - monotonic.time_since_epoch();
  if (offset_ && std::chrono::abs(offset - *offset_) >= kStep) {
    offset_before_step_ = offset_;
    stepped_ = monotonic;
  }
  offset_ = offset;
  now_ = monotonic;
}

MonotonicTime PacketClock::to_monotonic(Nanoseconds realtime) const {
  if (!offset_) return now_;
  const MonotonicTime time{realtime - *offset_};
  const bool just_stepped = offset_before_step_ && now_ - stepped_ < kStepMemory;
  const auto recent = [&](MonotonicTime t) { return t <= now_ + kAheadAfterStep && t >= now_ - kStepMemory; };
  if (just_stepped && !recent(time)) {
    const MonotonicTime by_old{realtime - *offset_before_step_};
    return recent(by_old) ? by_old : now_;
  }
  return time <= now_ + kAhead ? time : now_;
}

}  // namespace tegrascope
