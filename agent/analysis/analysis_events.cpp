// What the analysis tells people, and what it makes of the machine's clocks.
#include "agent/analysis/analysis.hpp"

namespace tegrascope {
namespace {

// The three clocks are read one after the other, on a thread that may have to wait.
constexpr Nanoseconds kSleptAtLeast = std::chrono::milliseconds(500);

}  // namespace

void Analysis::add(const ClockReading& clock) {
  if (clock_) {
    const Nanoseconds boot = clock.boot - clock_->boot;
    const Nanoseconds monotonic = clock.monotonic - clock_->monotonic;
    if (boot - monotonic >= kSleptAtLeast) requests_.mark_suspended(clock_->monotonic);
  }
  clock_ = clock;
  events_.set_clock(clock);
}

void Analysis::fill_events(Snapshot& snapshot) const {
  snapshot.events.assign(events_.recent().begin(), events_.recent().end());
  snapshot.event_counts = events_.counts();
  snapshot.web_hook = web_hook_;
  snapshot.incidents = incidents_;
}

}  // namespace tegrascope
