// What requests do at the same time in one runner: a runner with several slots evaluates one request's prompt while it
// decodes another's answer, and what the hardware does then tells nothing of where the decode runs. Pure.
#pragma once

#include <map>
#include <vector>

#include "agent/analysis/request_table.hpp"

namespace tegrascope {

struct TimeSpan {
  MonotonicTime begin{};
  MonotonicTime end{};
};

class RunnerWork {
 public:
  using LiveRequests = std::map<RequestId, LiveRequest>;

  // What is followed now, before the other calls and whenever it may have changed.
  void see(const LiveRequests& live);

  // Remembers the phases of a request that has ended, as long as another that was open meanwhile is.
  void note_ended(const LiveRequest& request);

  // The parts of [begin, end), a decode of `request`, in which its runner evaluated no other request's prompt, ascending.
  // A request that is open and has told nothing yet may wait for a slot: it counts while fewer answers are decoded than
  // the runner has slots, or, where it does not tell, than it was ever seen to work on at once.
  std::vector<TimeSpan> decode_only(const LiveRequest& request, MonotonicTime begin, MonotonicTime end) const;

  template <class Gone>
  void forget_if(Gone gone) {
    std::erase_if(runners_, [&](const auto& entry) { return gone(entry.first); });
  }

 private:
  struct Task {
    RequestId id = 0;
    Witness witness{};
    bool completed = false;
    std::vector<PhaseWindow>
        windows;  // `unknown` is prompt, decode or waiting for a slot; the last may have no end
    MonotonicTime began() const { return windows.empty() ? MonotonicTime{} : windows.front().begin; }
    MonotonicTime ended() const { return windows.empty() ? MonotonicTime{} : windows.back().end; }
  };
  struct Runner {
    std::map<RequestId, Task> ended;
    std::vector<Task> live;
    int at_once = 1;  // most requests that it was seen to work on
  };

  static Task task_of(const LiveRequest& request);
  template <class Visit>
  static void visit_others(const Runner& runner, RequestId id, Visit visit);
  static int seen_at_once(const Task& task, const Runner& runner);

  std::map<ProcessId, Runner> runners_;
};

}  // namespace tegrascope
