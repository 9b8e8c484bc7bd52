// What the analysis tells people, and what it makes of the machine's clocks.
#include <algorithm>

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

SeenPlacement Analysis::seen_placement(const ModelKey& key, Placement placement) const {
  SeenPlacement seen;
  seen.placement = placement;
  const auto asked = cpu_asked_for_.find(key);
  seen.gpu_expected = asked == cpu_asked_for_.end() || !asked->second;
  const Fallback fallback = fallback_of(key, placement);
  seen.reason = fallback.reason;
  seen.cure = fallback.cure;
  // The server is kept from the GPU by its own settings.
  if (fallback.reason == ReasonClass::forced_cpu) seen.gpu_expected = false;
  const auto latest = std::find_if(recent_.rbegin(), recent_.rend(), [&](const RequestRecord& r) {
    return r.server == key.server && r.model == key.model && r.verdict.placement == placement;
  });
  if (latest != recent_.rend()) seen.evidence = latest->verdict.explanation;
  return seen;
}

void Analysis::watch_placements(MonotonicTime now) {
  for (const auto& [key, tracker] : trackers_) {
    const std::optional<Placement> placement = tracker.state();
    if (placement && events_.is_new(key, *placement))
      events_.note_placement(key, seen_placement(key, *placement), now);
  }
}

void Analysis::fill_events(Snapshot& snapshot) const {
  snapshot.events.assign(events_.recent().begin(), events_.recent().end());
  snapshot.event_counts = events_.counts();
  snapshot.web_hook = web_hook_;
  snapshot.incidents = incidents_;
}

}  // namespace tegrascope
