// Tells once what happens: placements that change, loads that fail, runners that die, clocks that are held down. Pure;
// one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/attribution/ledger.hpp"
#include "agent/model/event.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/server_log.hpp"

namespace tegrascope {

// A model's placement as the gauge shows it.
struct SeenPlacement {
  Placement placement = Placement::unknown;
  bool gpu_expected = true;
  ReasonClass reason = ReasonClass::none;
  std::string cure;
  std::string evidence;  // of the latest verdict
};

// A runner that is gone while it was needed.
struct RunnerExit {
  std::string server;
  std::string model;
  bool server_gone = false;  // with its `ollama serve`
};

class EventWatch {
 public:
  EventWatch();

  // From now on events have a wall-clock time.
  void set_clock(const ClockReading& clock) { clock_ = clock; }

  // Nothing was told of this placement yet.
  bool is_new(const ModelKey& key, Placement placement) const;
  // From gpu or nothing to cpu or partial: fallback, where the GPU is expected. Back to gpu: recovery.
  // True: a fallback was told.
  bool note_placement(const ModelKey& key, const SeenPlacement& now, MonotonicTime at);
  // The placement is not known any more; the next fallback is told again.
  void note_gone(const ModelKey& key);
  void forget(const ModelKey& key) { placements_.erase(key); }
  // Counters that grew. The first one of a server counts from 0.
  void note_log(const ServerLog& log, MonotonicTime at);
  // All that are watched now.
  void bound_servers(const std::set<std::string>& watched);
  // throttled and oom_kills; other signals are ignored.
  void note_reading(const Reading& reading);
  // Told a moment later, when it is known whether the kernel killed it for memory; not at all when the log of the
  // server tells it in the same 15 s.
  void note_runner_exit(const RunnerExit& exit, MonotonicTime at);
  void advance(MonotonicTime now);

  // Since the last call, in order.
  std::vector<Event> take() { return std::exchange(new_, {}); }
  const std::deque<Event>& recent() const { return recent_; }
  const std::map<EventKind, std::uint64_t>& counts() const { return counts_; }

 private:
  struct Throttle {
    bool on = false;
    MonotonicTime began{};
    MonotonicTime last_on{};
  };
  struct Waiting {
    RunnerExit exit;
    MonotonicTime at{};
  };

  void tell(Event event);
  void tell_exit(const RunnerExit& exit, ReasonClass reason, std::string text, MonotonicTime at);

  std::optional<ClockReading> clock_;
  struct Told {
    Placement placement = Placement::unknown;  // cpu and partial only where it was told
    bool gone = false;
  };
  std::map<ModelKey, Told> placements_;
  std::map<std::string, ServerLog> logs_;  // by server
  std::map<std::pair<std::string, std::string>, Throttle> throttles_;
  std::optional<double> oom_kills_;
  std::optional<MonotonicTime> oom_kill_at_;
  std::vector<Waiting> waiting_;
  std::map<std::string, MonotonicTime> exit_told_;  // by server
  std::vector<Event> new_;
  std::deque<Event> recent_;
  std::map<EventKind, std::uint64_t> counts_;
};

}  // namespace tegrascope
