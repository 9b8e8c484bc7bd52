// The analysis' last step: everything it knows as one snapshot.
#include <algorithm>

#include "agent/analysis/analysis.hpp"

namespace tegrascope {
namespace {

constexpr Nanoseconds kSnapshotInterval = std::chrono::seconds(1);
constexpr Nanoseconds kModelUnseenFor = std::chrono::hours(24);

}  // namespace

void Analysis::forget_unseen_models(MonotonicTime now) {
  for (const auto& [id, request] : requests_.live()) models_.see(request.key, now);
  for (const auto& [key, phases] : attribution_.ledger().accounts()) models_.view(key);
  for (const ModelKey& key : models_.forget_unseen(now, kModelUnseenFor)) {
    attribution_.forget(key);
    desk_.forget(key);
    known_models_.erase(key);
    events_.forget(key);
    shown_placements_.erase(key);
  }
}

bool Analysis::snapshot_due(MonotonicTime now) const {
  return request_ended_ || !last_snapshot_ || now - *last_snapshot_ >= kSnapshotInterval;
}

SnapshotPtr Analysis::make_snapshot(MonotonicTime now) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->at = now;
  snapshot->board = options_.board;
  snapshot->collectors = timeline_.collectors();
  snapshot->readings = timeline_.fresh(now);
  fill_integrals(*snapshot);
  snapshot->ledger = attribution_.ledger().totals();
  if (!gpu_loads_.empty())
    snapshot->ledger_gpu = gpu_loads_.size() == 1 ? gpu_loads_.begin()->first : "busiest";
  fill_servers(*snapshot);
  fill_headroom(*snapshot);
  fill_lasting(*snapshot);
  fill_models(*snapshot);
  snapshot->recent = recent_;
  snapshot->capture = capture_;
  snapshot->observation_errors = requests_.observation_errors();
  snapshot->label_overflow_models = models_.overflow();
  snapshot->dropped_events = dropped_events_;
  snapshot->relay = relay_;
  fill_events(*snapshot);
  last_snapshot_ = now;
  request_ended_ = false;
  return snapshot;
}

void Analysis::fill_integrals(Snapshot& snapshot) const {
  snapshot.rail_energy_nj = timeline_.rail_energy_nj();
  for (const auto& [kind, seconds] : timeline_.integral(Signal::emc_utilization_ratio))
    snapshot.emc_busy_seconds = seconds;
  for (const auto& [kind, bytes] : timeline_.integral(Signal::emc_bytes_per_second))
    snapshot.emc_transferred_bytes = bytes;
  snapshot.throttled_seconds = timeline_.integral(Signal::throttled);
  snapshot.thermal_throttle_events = timeline_.thermal_throttle_events();
}

void Analysis::fill_servers(Snapshot& snapshot) const {
  for (const auto& [name, state] : residency_.servers()) {
    ServerView view;
    view.state = state;
    const auto busy = server_busy_seconds_.find(name);
    if (busy != server_busy_seconds_.end()) view.busy_seconds = busy->second;
    const auto log = logs_.find(name);
    if (log != logs_.end()) view.log = log->second;
    for (const ResidentModel& model : state.models) {
      const auto runner = residency_.runner_of_resident(name, model.name);
      const auto memory = runner ? gpu_memory_.find(runner->id.pid) : gpu_memory_.end();
      const bool fresh = snapshot.at - gpu_memory_at_ < kReadingStaleAfter;
      if (fresh && memory != gpu_memory_.end()) view.gpu_memory_bytes[model.name] = memory->second;
    }
    snapshot.servers.push_back(std::move(view));
  }
}

void Analysis::fill_models(Snapshot& snapshot) const {
  std::map<ModelKey, ModelView> views = models_.views();
  for (const auto& [key, phases] : attribution_.ledger().accounts()) {
    ModelView& view = views.at(key);
    for (const auto& [phase, amounts] : phases) view.attributed[phase] = amounts;
  }
  for (const auto& [id, request] : requests_.live()) {
    if (request.ended) continue;
    const auto view = views.find(request.key);
    if (view == views.end()) continue;
    const bool opaque = !request.exact() || (!request.streamed && !request.model_name.empty());
    ++(opaque                  ? view->second.in_flight_opaque
       : request.first_content ? view->second.in_flight_generating
                               : view->second.in_flight_waiting);
  }
  for (auto& [key, view] : views) {
    if (const PlacementTracker* tracker = desk_.tracker(key)) {
      view.placement = tracker->state();
      view.placement_evidence = tracker->explanation();
    }
    view.gpu_expected = desk_.gpu_expected(key);
    if (view.gpu_expected && (view.placement == Placement::cpu || view.placement == Placement::partial)) {
      view.fallback = fallback_of(key, *view.placement);
      // The server is kept from the GPU by its own settings.
      if (view.fallback->reason == ReasonClass::forced_cpu) {
        view.gpu_expected = false;
        view.fallback.reset();
      }
    }
    snapshot.models.push_back(std::move(view));
  }
}

}  // namespace tegrascope
