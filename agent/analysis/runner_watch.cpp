#include "agent/analysis/runner_watch.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

// Ollama answers with an error as soon as it misses its runner.
constexpr Nanoseconds kFailsWithin = std::chrono::seconds(10);
// A list is up to an idle sampling interval late.
constexpr Nanoseconds kListLate = std::chrono::seconds(3);

// Not the client's doing, and not a normal end.
bool failed(const RequestEnded& ended) {
  return ended.outcome == Outcome::upstream_aborted ||
         (ended.outcome == Outcome::error && (ended.status_code >= 500 || ended.status_code < 400));
}

// A busy spell has no outcome that says whether it was cut short.
bool tells_outcome(const LiveRequest& request) { return request.named() && !request.remote; }

}  // namespace

std::vector<RunnerExit> RunnerWatch::see(const std::vector<ProcessReading>& processes,
                                         const std::map<RequestId, LiveRequest>& live, MonotonicTime at) {
  std::map<ProcessId, Runner> alive;
  std::set<std::int64_t> serves;
  for (const ProcessReading& p : processes) {
    if (p.role == ProcessRole::runner) alive[p.id] = {p.serve_pid};
    if (p.role == ProcessRole::serve) serves.insert(p.id.pid);
  }
  std::vector<RunnerExit> died;
  std::set<ProcessId> told;
  for (const auto& [id, runner] : runners_) {
    if (alive.count(id) != 0) continue;
    for (const auto& [request_id, request] : live) {
      if (!tells_outcome(request) || !request.runner || request.runner->id != id) continue;
      const RunnerExit exit{request.key.server, request.key.model,
                            serves_.count(runner.serve_pid) != 0 && serves.count(runner.serve_pid) == 0};
      if (!request.ended) {
        gone_[request_id] = {exit, id, at};
      } else if (failed(*request.ended) && at - request.ended->at < kListLate && told.insert(id).second) {
        died.push_back(exit);
      }
    }
  }
  runners_ = std::move(alive);
  serves_ = std::move(serves);
  std::erase_if(gone_, [&](const auto& entry) { return at - entry.second.at > kFailsWithin; });
  return died;
}

std::vector<RunnerExit> RunnerWatch::see(const RequestEnded& ended) {
  const auto found = gone_.find(ended.id);
  if (found == gone_.end()) return {};
  const Gone gone = found->second;
  gone_.erase(found);
  if (!failed(ended)) return {};
  // One runner, one death: its other requests will fail as well.
  std::erase_if(gone_, [&](const auto& entry) { return entry.second.runner == gone.runner; });
  return {gone.exit};
}

}  // namespace tegrascope
