#include "agent/analysis/runner_work.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {
namespace {

// Witnesses and the server's durations tell edges to about this.
constexpr Nanoseconds kEdge = std::chrono::milliseconds(250);
constexpr std::size_t kMostRemembered = 512;  // of a runner
// What is over sooner is no work that matters, and there may be thousands of it (refused requests).
constexpr Nanoseconds kBrief = std::chrono::milliseconds(20);

bool decodes_around(const std::vector<PhaseWindow>& windows, MonotonicTime t) {
  return std::any_of(windows.begin(), windows.end(), [&](const PhaseWindow& w) {
    return w.phase == Phase::decode && w.begin + kEdge <= t && t + kEdge <= w.end;
  });
}

// A slot's task is at work from its first sighting on; a request may wait.
Phase before_tokens(Witness witness) { return witness == Witness::slots ? Phase::prefill : Phase::unknown; }

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
  const Phase before = before_tokens(task.witness);
  if (!request.ended) {
    const bool decodes = request.streamed && request.first_content;
    const MonotonicTime told = decodes ? *request.first_content : MonotonicTime::max();
    task.windows.push_back({before, request.started.at, told});
    if (decodes) task.windows.push_back({Phase::decode, told, MonotonicTime::max()});
    return task;
  }
  RequestWindows cut = cut_windows(observed(request));
  const auto& reasons = cut.reasons;
  const bool by_durations = std::find(reasons.begin(), reasons.end(), "no_durations") == reasons.end();
  // What nobody timed, and what stands for all of an embedding, may hold waiting.
  const bool holds_waiting = !by_durations || request.started.operation == Operation::embed;
  for (PhaseWindow& w : cut.windows) {
    if (w.phase == Phase::unknown || (w.phase == Phase::prefill && holds_waiting)) w.phase = before;
  }
  task.completed = request.ended->outcome == Outcome::ok;
  task.windows = std::move(cut.windows);
  return task;
}

void RunnerWork::see(const LiveRequests& live) {
  std::map<ProcessId, MonotonicTime> oldest;
  for (auto& [id, runner] : runners_) runner.live.clear();
  for (const auto& [id, request] : live) {
    if (!request.runner || request.remote) continue;
    const auto [since, first] = oldest.try_emplace(request.runner->id, request.started.at);
    since->second = std::min(since->second, request.started.at);
    // A busy spell of the runner is the work of others or of this request: spells do not count.
    const bool brief = request.ended && request.ended->at - request.started.at < kBrief;
    if (request.started.witness != Witness::process && !brief)
      runners_[request.runner->id].live.push_back(task_of(request));
  }
  for (auto& [id, runner] : runners_) {
    const auto since = oldest.find(id);
    if (since == oldest.end()) {
      runner.ended.clear();
    } else {
      std::erase_if(runner.ended, [&](const auto& entry) { return entry.second.ended() <= since->second; });
    }
  }
}

template <class Visit>
void RunnerWork::visit_others(const Runner& runner, RequestId id, Visit visit) {
  for (const auto& [other, task] : runner.ended)
    if (other != id) visit(task);
  for (const Task& task : runner.live)
    if (task.id != id && runner.ended.count(task.id) == 0) visit(task);
}

// A request that is done had a slot: it worked beside those that decoded when it ended.
int RunnerWork::seen_at_once(const Task& task, const Runner& runner) {
  int most = 1;
  bool another_ended = false;
  visit_others(runner, task.id, [&](const Task& other) {
    if (other.witness != task.witness) return;
    if (task.completed && decodes_around(other.windows, task.ended())) ++most;
    another_ended = another_ended || (other.completed && decodes_around(task.windows, other.ended()));
  });
  return another_ended ? std::max(most, 2) : most;
}

void RunnerWork::note_ended(const LiveRequest& request) {
  if (!request.runner || !request.ended || request.started.witness == Witness::process) return;
  Task task = task_of(request);
  if (task.ended() - task.began() < kBrief) return;
  Runner& runner = runners_[request.runner->id];
  runner.at_once = std::max(runner.at_once, seen_at_once(task, runner));
  runner.ended.insert_or_assign(task.id, std::move(task));
  if (runner.ended.size() > kMostRemembered) runner.ended.erase(runner.ended.begin());
}

std::vector<TimeSpan> RunnerWork::decode_only(const LiveRequest& request, MonotonicTime begin,
                                              MonotonicTime end) const {
  const auto known = request.runner ? runners_.find(request.runner->id) : runners_.end();
  if (known == runners_.end() || begin >= end) return {{begin, end}};
  const Runner& runner = known->second;
  const int seen = std::max(runner.at_once, seen_at_once(task_of(request), runner));
  const int slots = request.runner->slots.value_or(seen);

  std::vector<Change> changes;
  visit_others(runner, request.started.id, [&](const Task& task) {
    for (const PhaseWindow& w : task.windows) {
      const MonotonicTime from = std::max(w.begin, begin);
      const MonotonicTime until = std::min(w.end, end);
      if (from >= until) continue;
      Change change{from, w.phase == Phase::prefill, w.phase == Phase::unknown, w.phase == Phase::decode};
      changes.push_back(change);
      changes.push_back({until, -change.prompts, -change.undecided, -change.decodes});
    }
  });
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
