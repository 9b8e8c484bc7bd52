#include "agent/analysis/event_watch.hpp"

#include <algorithm>

#include "agent/analysis/by_server.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kRecentEvents = 64;
// A hot board goes in and out of its limit many times a minute: that is one throttling.
constexpr Nanoseconds kThrottleQuiet = std::chrono::seconds(30);
// The memory collector runs once a second.
constexpr Nanoseconds kOomKnown = std::chrono::milliseconds(1500);
constexpr Nanoseconds kOomNear = std::chrono::seconds(5);
// The log is polled once a second and its incidents are counted after the crash's dump.
constexpr Nanoseconds kSameExit = std::chrono::seconds(15);

bool on_cpu(Placement p) { return p == Placement::cpu || p == Placement::partial; }

std::string seconds_text(Nanoseconds d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

std::string with_evidence(std::string text, const std::string& evidence) {
  return evidence.empty() ? text : std::move(text) + ": " + evidence;
}

}  // namespace

EventWatch::EventWatch() {
  for (const EventKind kind : kEventKinds) counts_[kind] = 0;
}

void EventWatch::tell(Event event) {
  if (clock_) event.wall = clock_->wall + (event.at - clock_->monotonic);
  ++counts_[event.kind];
  recent_.push_back(event);
  if (recent_.size() > kRecentEvents) recent_.pop_front();
  new_.push_back(std::move(event));
}

bool EventWatch::is_new(const ModelKey& key, Placement placement) const {
  const auto told = placements_.find(key);
  return told == placements_.end() || told->second.gone || told->second.placement != placement;
}

void EventWatch::note_gone(const ModelKey& key) {
  const auto told = placements_.find(key);
  if (told != placements_.end()) told->second.gone = true;
}

bool EventWatch::note_placement(const ModelKey& key, const SeenPlacement& now, MonotonicTime at) {
  if (!is_new(key, now.placement) || (on_cpu(now.placement) && !now.gpu_expected)) return false;
  const Told before = std::exchange(placements_[key], Told{now.placement});
  Event event;
  event.at = at;
  event.server = key.server;
  event.model = key.model;
  if (on_cpu(now.placement)) {
    if (on_cpu(before.placement) && !before.gone) return false;
    event.kind = EventKind::fallback;
    event.reason = now.reason;
    event.cure = now.cure;
    const bool partly = now.placement == Placement::partial;
    event.text = with_evidence(partly ? "runs partly on the CPU" : "runs on the CPU", now.evidence);
    tell(std::move(event));
    return true;
  }
  if (now.placement == Placement::gpu && on_cpu(before.placement)) {
    event.kind = EventKind::recovery;
    event.text = with_evidence("runs on the GPU again", now.evidence);
    tell(std::move(event));
  }
  return false;
}

void EventWatch::note_log(const ServerLog& log, MonotonicTime at) {
  ServerLog& known = logs_[log.server];
  for (const auto& [reason, count] : log.load_failures) {
    const std::uint64_t before = known.load_failures[reason];
    if (count <= before) continue;
    Event event;
    event.kind = EventKind::load_failed;
    event.at = at;
    event.server = log.server;
    event.reason = reason;
    event.text = "a model could not be loaded";
    if (count - before > 1) event.text += ", " + std::to_string(count - before) + " times";
    tell(std::move(event));
  }
  if (log.runners_killed > known.runners_killed)
    tell_exit({log.server, "", false}, ReasonClass::oom_killed, "the kernel killed a runner for memory", at);
  if (log.runners_crashed > known.runners_crashed)
    tell_exit({log.server, "", false}, ReasonClass::runner_crash, "a runner crashed", at);
  known = log;
}

void EventWatch::bound_servers(const std::set<std::string>& watched) {
  bound_by_servers(logs_, watched);
  bound_by_servers(exit_told_, watched);
}

void EventWatch::tell_exit(const RunnerExit& exit, ReasonClass reason, std::string text, MonotonicTime at) {
  const auto told = exit_told_.find(exit.server);
  if (told != exit_told_.end() && at - told->second < kSameExit) return;
  exit_told_[exit.server] = at;
  Event event;
  event.kind = EventKind::runner_exit;
  event.at = at;
  event.server = exit.server;
  event.model = exit.model;
  event.reason = reason;
  event.text = std::move(text);
  tell(std::move(event));
}

void EventWatch::note_reading(const Reading& reading) {
  if (reading.signal == Signal::oom_kills) {
    if (oom_kills_ && reading.value > *oom_kills_) oom_kill_at_ = reading.at;
    oom_kills_ = reading.value;
    return;
  }
  if (reading.signal != Signal::throttled) return;
  Throttle& throttle = throttles_[{reading.kind, reading.instance}];
  if (reading.value != 0) {
    throttle.last_on = reading.at;
    if (throttle.on) return;
    throttle.on = true;
    throttle.began = reading.at;
    Event event;
    event.kind = EventKind::throttle_begin;
    event.at = reading.at;
    event.text = "clocks are held down: " + reading.kind;
    tell(std::move(event));
  } else if (throttle.on && reading.at - throttle.last_on >= kThrottleQuiet) {
    throttle.on = false;
    Event event;
    event.kind = EventKind::throttle_end;
    event.at = reading.at;
    event.text = "clocks are free again: " + reading.kind + ", held down for " +
                 seconds_text(throttle.last_on - throttle.began);
    tell(std::move(event));
  }
}

void EventWatch::note_runner_exit(const RunnerExit& exit, MonotonicTime at) {
  waiting_.push_back({exit, at});
}

void EventWatch::advance(MonotonicTime now) {
  const auto due = [&](const Waiting& w) { return now - w.at >= kOomKnown; };
  for (const Waiting& w : waiting_) {
    if (!due(w)) continue;
    const std::string whose = w.exit.model.empty() ? "a runner" : "the runner of " + w.exit.model;
    const bool oom = oom_kill_at_ && *oom_kill_at_ - w.at < kOomNear && w.at - *oom_kill_at_ < kOomNear;
    if (w.exit.server_gone) {
      tell_exit(w.exit, ReasonClass::none, "Ollama ended while a request was under way", now);
    } else if (oom) {
      tell_exit(w.exit, ReasonClass::oom_killed, "the kernel killed " + whose + " for memory", now);
    } else {
      tell_exit(w.exit, ReasonClass::runner_crash, whose + " died in mid-request", now);
    }
  }
  std::erase_if(waiting_, due);
}

}  // namespace tegrascope
