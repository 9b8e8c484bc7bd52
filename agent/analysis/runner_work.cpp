#include "agent/analysis/runner_work.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tegrascope {
namespace {

// Witnesses and the server's durations tell edges to about this.
constexpr Nanoseconds kEdge = std::chrono::milliseconds(250);
constexpr std::size_t kMostRemembered = 512;  // of a runner

bool decodes_around(std::span<const PhaseWindow> windows, MonotonicTime t) {
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

RunnerWork::Task RunnerWork::ended_task(const LiveRequest& request) {
  RequestWindows cut = cut_windows(observed(request));
  const auto& reasons = cut.reasons;
  const bool by_durations = std::find(reasons.begin(), reasons.end(), "no_durations") == reasons.end();
  // What nobody timed, and what stands for all of an embedding, may hold waiting.
  const bool holds_waiting = !by_durations || request.started.operation == Operation::embed;
  for (PhaseWindow& w : cut.windows) {
    if (w.phase == Phase::unknown || (w.phase == Phase::prefill && holds_waiting))
      w.phase = before_tokens(request.started.witness);
  }
  return {request.started.witness, request.ended->outcome == Outcome::ok, std::move(cut.windows)};
}

template <class Visit>
void RunnerWork::visit_task(const LiveRequest& request, Visit visit) {
  const Witness witness = request.started.witness;
  if (request.ended) {
    const Task task = ended_task(request);
    return visit(TaskView{witness, task.completed, task.windows});
  }
  const bool decodes = request.streamed && request.first_content;
  const MonotonicTime told = decodes ? *request.first_content : MonotonicTime::max();
  const std::array<PhaseWindow, 2> windows{
      {{before_tokens(witness), request.started.at, told}, {Phase::decode, told, MonotonicTime::max()}}};
  visit(TaskView{witness, false, {windows.data(), decodes ? 2U : 1U}});
}

// A busy spell of the runner is the work of others or of this request: spells do not count.
template <class Visit>
void RunnerWork::visit_others(const LiveRequest& request, const LiveRequests& live, Visit visit) const {
  const auto known = runners_.find(request.runner->id);
  if (known != runners_.end()) {
    for (const auto& [id, task] : known->second.ended)
      if (id != request.started.id) visit(TaskView{task.witness, task.completed, task.windows});
  }
  for (const auto& [id, other] : live) {
    const bool is_other = id != request.started.id && other.runner_id() == request.runner_id();
    if (!is_other || other.started.witness == Witness::process || other.remote) continue;
    const bool remembered = known != runners_.end() && known->second.ended.count(id) != 0;
    if (!remembered) visit_task(other, visit);
  }
}

// A request that is done had a slot: it worked beside those that decoded when it ended.
int RunnerWork::seen_at_once(const LiveRequest& request, const LiveRequests& live) const {
  int most = 1;
  bool another_ended = false;
  visit_task(request, [&](const TaskView& task) {
    visit_others(request, live, [&](const TaskView& other) {
      if (other.witness != task.witness) return;
      if (task.completed && decodes_around(other.windows, task.ended())) ++most;
      another_ended = another_ended || (other.completed && decodes_around(task.windows, other.ended()));
    });
  });
  return another_ended ? std::max(most, 2) : most;
}

void RunnerWork::note_ended(const LiveRequest& request, const LiveRequests& live) {
  if (!request.runner || !request.ended || request.started.witness == Witness::process) return;
  const int at_once = seen_at_once(request, live);
  Runner& runner = runners_[request.runner->id];
  runner.at_once = std::max(runner.at_once, at_once);
  runner.ended.insert_or_assign(request.started.id, ended_task(request));
  MonotonicTime oldest = MonotonicTime::max();
  for (const auto& [id, other] : live) {
    if (other.runner_id() == request.runner_id()) oldest = std::min(oldest, other.started.at);
  }
  std::erase_if(runner.ended, [&](const auto& entry) {
    const auto& windows = entry.second.windows;
    return windows.empty() || windows.back().end <= oldest;
  });
  if (runner.ended.size() > kMostRemembered) runner.ended.erase(runner.ended.begin());
}

std::vector<TimeSpan> RunnerWork::decode_only(const LiveRequest& request, MonotonicTime begin,
                                              MonotonicTime end, const LiveRequests& live) const {
  if (!request.runner) return {{begin, end}};
  const auto known = runners_.find(request.runner->id);
  int slots = seen_at_once(request, live);
  if (known != runners_.end()) slots = std::max(slots, known->second.at_once);
  slots = request.runner->slots.value_or(slots);

  std::vector<Change> changes;
  visit_others(request, live, [&](const TaskView& task) {
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
