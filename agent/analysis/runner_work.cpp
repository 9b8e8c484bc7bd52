#include "agent/analysis/runner_work.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {
namespace {

// Witnesses and the server's durations tell edges to about this.
constexpr Nanoseconds kEdge = std::chrono::milliseconds(250);
constexpr std::size_t kMostRemembered = 512;  // of a runner

bool decodes_around(const std::vector<PhaseWindow>& windows, MonotonicTime t) {
  return std::any_of(windows.begin(), windows.end(), [&](const PhaseWindow& w) {
    return w.phase == Phase::decode && w.begin + kEdge <= t && t + kEdge <= w.end;
  });
}

// How many of each kind begin (or end, negative) at a time.
struct Change {
  MonotonicTime at{};
  int prompts = 0;
  int undecided = 0;
  int decodes = 0;
};

}  // namespace

RunnerWork::Task RunnerWork::task_of(const LiveRequest& request) {
  Task task{request.started.id, request.started.witness, false, {}};
  // A slot's task is at work from its first sighting on.
  const Phase before = task.witness == Witness::slots ? Phase::prefill : Phase::unknown;
  if (!request.ended) {
    const bool decodes = request.streamed && request.first_content;
    const MonotonicTime told = decodes ? *request.first_content : MonotonicTime::max();
    task.windows.push_back({before, request.started.at, told});
    if (decodes) task.windows.push_back({Phase::decode, told, MonotonicTime::max()});
    return task;
  }
  RequestWindows cut = cut_windows(observed(request));
  task.completed = request.ended->outcome == Outcome::ok;
  task.windows = std::move(cut.windows);
  const auto& reasons = cut.reasons;
  const bool by_durations = std::find(reasons.begin(), reasons.end(), "no_durations") == reasons.end();
  // What nobody timed, and what stands for all of an embedding, may hold waiting.
  const bool holds_waiting = !by_durations || request.started.operation == Operation::embed;
  for (PhaseWindow& w : task.windows) {
    if (w.phase == Phase::unknown || (w.phase == Phase::prefill && holds_waiting)) w.phase = before;
  }
  return task;
}

std::vector<RunnerWork::Task> RunnerWork::others(const LiveRequest& request, const LiveRequests& live) const {
  std::vector<Task> out;
  const auto known = runners_.find(*request.runner_id());
  const auto remembered = [&](RequestId id) {
    return known != runners_.end() && std::any_of(known->second.ended.begin(), known->second.ended.end(),
                                                  [&](const Task& task) { return task.id == id; });
  };
  if (known != runners_.end()) {
    for (const Task& task : known->second.ended)
      if (task.id != request.started.id) out.push_back(task);
  }
  for (const auto& [id, other] : live) {
    // A busy spell of the runner is the work of others' or of this request.
    const bool tells = other.started.witness != Witness::process && !other.remote;
    if (tells && id != request.started.id && other.runner_id() == request.runner_id() && !remembered(id))
      out.push_back(task_of(other));
  }
  return out;
}

// A request that is done had a slot: it worked beside those that decoded when it ended.
int RunnerWork::seen_at_once(const Task& task, const std::vector<Task>& others) {
  int most = 1;
  if (task.completed) {
    for (const Task& other : others)
      if (other.witness == task.witness && decodes_around(other.windows, task.ended())) ++most;
  }
  const bool another_ended = std::any_of(others.begin(), others.end(), [&](const Task& other) {
    return other.completed && other.witness == task.witness && decodes_around(task.windows, other.ended());
  });
  return another_ended ? std::max(most, 2) : most;
}

void RunnerWork::note_ended(const LiveRequest& request, const LiveRequests& live) {
  if (!request.runner || !request.ended || request.started.witness == Witness::process) return;
  const Task task = task_of(request);
  const std::vector<Task> meanwhile = others(request, live);
  Runner& runner = runners_[request.runner->id];
  runner.at_once = std::max(runner.at_once, seen_at_once(task, meanwhile));
  runner.ended.push_back(task);
  MonotonicTime oldest = MonotonicTime::max();
  for (const auto& [id, other] : live) {
    if (other.runner_id() == request.runner_id()) oldest = std::min(oldest, other.started.at);
  }
  std::erase_if(runner.ended, [&](const Task& t) { return t.ended() <= oldest; });
  if (runner.ended.size() > kMostRemembered) runner.ended.pop_front();
}

std::vector<TimeSpan> RunnerWork::decode_only(const LiveRequest& request, MonotonicTime begin,
                                              MonotonicTime end, const LiveRequests& live) const {
  if (!request.runner) return {{begin, end}};
  const std::vector<Task> meanwhile = others(request, live);
  const auto known = runners_.find(request.runner->id);
  int slots = seen_at_once(task_of(request), meanwhile);
  if (known != runners_.end()) slots = std::max(slots, known->second.at_once);
  slots = request.runner->slots.value_or(slots);

  std::vector<Change> changes;
  for (const Task& task : meanwhile) {
    for (const PhaseWindow& w : task.windows) {
      const MonotonicTime from = std::max(w.begin, begin);
      const MonotonicTime until = std::min(w.end, end);
      if (from >= until) continue;
      Change change{from, w.phase == Phase::prefill, w.phase == Phase::unknown, w.phase == Phase::decode};
      changes.push_back(change);
      changes.push_back({until, -change.prompts, -change.undecided, -change.decodes});
    }
  }
  changes.push_back({end});
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.at < b.at; });

  std::vector<TimeSpan> out;
  MonotonicTime from = begin;
  Change now;
  for (const Change& change : changes) {
    const bool slot_free = now.decodes + 1 < slots;
    const bool clean = now.prompts == 0 && (now.undecided == 0 || !slot_free);
    if (clean && change.at > from) {
      if (!out.empty() && out.back().end == from) {
        out.back().end = change.at;
      } else {
        out.push_back({from, change.at});
      }
    }
    from = change.at;
    now.prompts += change.prompts;
    now.undecided += change.undecided;
    now.decodes += change.decodes;
  }
  return out;
}

}  // namespace tegrascope
