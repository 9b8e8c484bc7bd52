// What requests do at the same time in one runner: a runner with several slots evaluates one request's prompt while it
// decodes another's answer, and what the hardware does then tells nothing of where the decode runs. Pure.
#pragma once

#include <map>
#include <span>
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

  // Remembers the phases of a request that has ended, as long as another that was open meanwhile is.
  void note_ended(const LiveRequest& request, const LiveRequests& live);

  // The parts of [begin, end), a decode of `request`, in which its runner evaluated no other request's prompt, ascending.
  // A request that is open and has told nothing yet may wait for a slot: it counts while fewer answers are decoded than
  // the runner has slots, or, where it does not tell, than it was ever seen to work on at once.
  std::vector<TimeSpan> decode_only(const LiveRequest& request, MonotonicTime begin, MonotonicTime end,
                                    const LiveRequests& live) const;

  template <class Gone>
  void forget_if(Gone gone) {
    std::erase_if(runners_, [&](const auto& entry) { return gone(entry.first); });
  }

 private:
  struct Task {
    Witness witness{};
    bool completed = false;
    std::vector<PhaseWindow> windows;  // `unknown` is prompt, decode or waiting for a slot
  };
  // The same of a task that may still be open; its last window then has no end.
  struct TaskView {
    Witness witness{};
    bool completed = false;
    std::span<const PhaseWindow> windows;
    MonotonicTime ended() const { return windows.empty() ? MonotonicTime{} : windows.back().end; }
  };
  struct Runner {
    std::map<RequestId, Task> ended;
    int at_once = 1;  // most requests that it was seen to work on
  };

  static Task ended_task(const LiveRequest& request);
  template <class Visit>
  static void visit_task(const LiveRequest& request, Visit visit);
  template <class Visit>
  void visit_others(const LiveRequest& request, const LiveRequests& live, Visit visit) const;
  int seen_at_once(const LiveRequest& request, const LiveRequests& live) const;

  std::map<ProcessId, Runner> runners_;
};

}  // namespace tegrascope
