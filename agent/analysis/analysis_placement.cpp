// The analysis' half that is about where models run: what the gauge says, why, and when that changes.
#include "agent/analysis/analysis.hpp"

namespace tegrascope {

Fallback Analysis::fallback_of(const ModelKey& key, Placement observed) const {
  FallbackFacts facts;
  facts.observed = observed;
  facts.cpu_requested = !desk_.gpu_expected(key);
  facts.declared_gpu_share = residency_.declared_gpu_share(key.server, key.model);
  facts.board = options_.board;
  facts.gpu_present = options_.gpu_present;
  const auto log = logs_.find(key.server);
  if (log != logs_.end()) facts.log = log->second;
  const auto server = residency_.servers().find(key.server);
  const std::int64_t serve_pid = server == residency_.servers().end() ? 0 : server->second.server.serve_pid;
  for (const ServeAccess& serve : gpu_access_.serves)
    if (serve.serve_pid == serve_pid) facts.serve = serve;
  const auto process = residency_.runner_of(key.server, key.model);
  for (const RunnerAccess& runner : gpu_access_.runners)
    if (process && runner.id == process->id) facts.runner = runner;
  return find_fallback(facts);
}

void Analysis::explain_fallback(const ModelKey& key, Verdict& verdict) const {
  if (verdict.placement != Placement::cpu && verdict.placement != Placement::partial) return;
  const Fallback fallback = fallback_of(key, verdict.placement);
  if (fallback.reason == ReasonClass::none && fallback.why.empty()) return;
  verdict.explanation += "; reason " + std::string(to_string(fallback.reason)) + ": " + fallback.why;
}

SeenPlacement Analysis::seen_placement(const ModelKey& key, Placement placement) const {
  SeenPlacement seen;
  seen.placement = placement;
  seen.gpu_expected = desk_.gpu_expected(key);
  const Fallback fallback = fallback_of(key, placement);
  seen.reason = fallback.reason;
  seen.cure = fallback.cure;
  // The server is kept from the GPU by its own settings.
  if (fallback.reason == ReasonClass::forced_cpu) seen.gpu_expected = false;
  if (const PlacementTracker* tracker = desk_.tracker(key)) seen.evidence = tracker->explanation();
  return seen;
}

void Analysis::note_shown(const ModelKey& key, std::optional<Placement> placement) {
  if (!placement) return;
  const auto [shown, first] = shown_placements_.try_emplace(key, *placement);
  if (!first && shown->second == *placement) return;
  shown->second = *placement;
  changed_placements_.insert(key);
}

// Counts a fallback under what is known of its cause.
void Analysis::watch_placements(MonotonicTime now) {
  for (const auto& [key, tracker] : desk_.trackers()) {
    note_shown(key, tracker.state());
    // Several models share that name.
    if (key.model == kOtherModel) continue;
    const std::optional<Placement> placement = tracker.state();
    if (!placement) {
      events_.note_gone(key);
      continue;
    }
    if (!events_.is_new(key, *placement)) continue;
    const SeenPlacement seen = seen_placement(key, *placement);
    if (events_.note_placement(key, seen, now)) ++models_.view(key).fallbacks[seen.reason];
  }
}

}  // namespace tegrascope
