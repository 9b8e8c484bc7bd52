#include "agent/analysis/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "agent/attribution/roofline.hpp"

namespace tegrascope {
namespace {

constexpr const char* kSuspended = "suspended";
constexpr std::size_t kRecentRequests = 16;
constexpr double kBusyRunnerCores = 0.10;
constexpr std::int64_t kMinTokensForJoules = 16;
constexpr Nanoseconds kSnapshotInterval = std::chrono::seconds(1);
constexpr Nanoseconds kModelUnseenFor = std::chrono::hours(24);

bool is_busy_mode(const std::string& mode) {
  return mode != "idle" && mode != "iowait" && mode != "guest" && mode != "guest_nice";
}

}  // namespace

Analysis::Analysis(const AnalysisOptions& options)
    : options_(options),
      attribution_(options.attribution),
      models_(options.model_cap),
      requests_(attribution_, models_, residency_) {}

void Analysis::add(const Batch& batch) {
  const std::vector<Reading> readings = timeline_.add(batch);
  add_sensors(readings);
  for (const Reading& reading : readings) events_.note_reading(reading);
  if (batch.lists_processes) add_processes(batch);
  if (!batch.lists_gpu_processes) return;
  gpu_memory_.clear();
  for (const GpuProcess& p : batch.gpu_processes) gpu_memory_[p.pid] += p.memory_bytes;
  gpu_memory_at_ = batch.finished;
}

void Analysis::add_sensors(const std::vector<Reading>& readings) {
  double busy_cpu_seconds = 0;
  std::optional<MonotonicTime> cpu_at;
  std::optional<double> hottest;
  std::optional<MonotonicTime> gpu_at;
  for (const Reading& r : readings) {
    switch (r.signal) {
      case Signal::board_power_watts:
        attribution_.sensors().add_power(r.at, r.value);
        break;
      case Signal::board_averaging_seconds:
        attribution_.sensors().set_power_averaging(from_seconds(r.value));
        break;
      case Signal::gpu_utilization_ratio:
        gpu_loads_[r.instance] = r;
        gpu_at = r.at;
        break;
      case Signal::cpu_seconds:
        if (is_busy_mode(r.kind)) busy_cpu_seconds += r.value;
        cpu_at = r.at;
        break;
      case Signal::nvpmodel_mode:
        idle_key_.power_mode = static_cast<int>(r.value);
        break;
      case Signal::clocks_locked:
        idle_key_.clocks_locked = r.value != 0;
        break;
      case Signal::emc_peak_bytes_per_second:
        emc_peak_ = r;
        break;
      case Signal::temperature_celsius:
        hottest = std::max(hottest.value_or(r.value), r.value);
        break;
      default:
        break;
    }
  }
  if (hottest) idle_key_.temperature_decade = static_cast<int>(std::floor(*hottest / 10));
  attribution_.set_idle_key(idle_key_);
  if (cpu_at) attribution_.sensors().add_total_cpu(*cpu_at, from_seconds(busy_cpu_seconds));
  if (gpu_at) add_gpu_load(*gpu_at);
}

// Of several GPUs the busiest counts: nobody says which one a runner decodes on.
void Analysis::add_gpu_load(MonotonicTime at) {
  double load = 0;
  for (const auto& [gpu, r] : gpu_loads_) {
    if (at - r.at <= options_.attribution.sensors.max_gap) load = std::max(load, r.value);
  }
  attribution_.sensors().add_gpu_load(at, load);
}

void Analysis::add_processes(const Batch& batch) {
  for (const RunnerExit& exit : runner_watch_.see(batch.processes, requests_.live(), batch.finished))
    events_.note_runner_exit(exit, batch.finished);
  std::set<ProcessId> before;
  std::set<ProcessId> now;
  for (const ProcessReading& p : residency_.processes()) before.insert(p.id);
  residency_.set_processes(batch.processes);
  for (const ProcessReading& p : batch.processes) {
    now.insert(p.id);
    if (!p.cpu_time) continue;
    attribution_.sensors().add_runner_cpu(p.id, p.at, *p.cpu_time);  // serve works for Ollama as well
    if (p.role != ProcessRole::runner) continue;
    const auto last = runner_cpu_.find(p.id);
    if (last != runner_cpu_.end() && p.at > last->second.first) {
      const double seconds = to_seconds(p.at - last->second.first);
      const double cores = to_seconds(*p.cpu_time - last->second.second) / seconds;
      for (const auto& [name, state] : residency_.servers()) {
        const bool belongs = state.server.serve_pid == p.serve_pid || residency_.servers().size() == 1;
        if (!belongs || cores < kBusyRunnerCores) continue;
        const Witness witness = requests_.exact_open_on(name) ? Witness::relay : Witness::process;
        server_busy_seconds_[name][witness] += seconds;
      }
    }
    runner_cpu_[p.id] = {p.at, *p.cpu_time};
  }
  if (before == now) return;
  asked_about_.clear();
  for (const auto& [name, state] : residency_.servers()) poll_wanted_.insert(name);
  std::erase_if(runner_cpu_, [&](const auto& entry) { return now.count(entry.first) == 0; });
  requests_.find_runners();
}

void Analysis::add(const RequestEvent& event) {
  merge_.add(event);
  if (const auto* progress = std::get_if<RequestProgress>(&event)) want_poll_for(progress->id);
  if (const auto* ended = std::get_if<RequestEnded>(&event)) {
    request_ended_ = true;
    want_poll_for(ended->id);
    for (const RunnerExit& exit : runner_watch_.see(*ended)) events_.note_runner_exit(exit, ended->at);
  }
}

void Analysis::want_poll_for(RequestId id) {
  const LiveRequest* request = requests_.find(id);
  if (request == nullptr || !request->first_content || !request->exact() || request->remote) return;
  const std::string& server = request->started.server;
  if (residency_.declared_gpu_share(server, request->model_name)) return;
  if (asked_about_.insert(request->key).second) poll_wanted_.insert(server);
}

void Analysis::add(const ServerState& state) {
  residency_.set_server(state);
  for (const ResidentModel& model : state.models) see_resident(state.server.name, model.name, state.at);
  remember_shapes(state);
  idle_key_.model_resident = residency_.any_model();
  attribution_.set_idle_key(idle_key_);
  requests_.find_runners();
}

// Its counters are there, at 0, before its first request is: what is born at 1 is lost to increase().
void Analysis::see_resident(const std::string& server, const std::string& model, MonotonicTime at) {
  models_.admit(model);
  const ModelKey key{server, models_.label(model)};
  models_.view(key);
  models_.see(key, at);
}

void Analysis::forget_unseen_models(MonotonicTime now) {
  for (const auto& [id, request] : requests_.live()) models_.see(request.key, now);
  for (const auto& [key, phases] : attribution_.ledger().accounts()) models_.view(key);
  for (const ModelKey& key : models_.forget_unseen(now, kModelUnseenFor)) {
    attribution_.forget(key);
    trackers_.erase(key);
    cpu_asked_for_.erase(key);
    events_.forget(key);
  }
}

void Analysis::add(const ServerLog& log) {
  set_log_followed(log.server, log.followed);
  events_.note_log(log, now_);
  logs_.insert_or_assign(log.server, log);
}

void Analysis::add(const std::vector<OllamaServer>& servers) { residency_.keep_only(servers); }

std::vector<RequestRecord> Analysis::take_judged() { return std::exchange(judged_, {}); }

void Analysis::advance(MonotonicTime now) {
  now_ = now;
  merge_.advance(now);
  attribution_.advance(now);
  for (const auto& finished : attribution_.take_finished()) judge_finished(finished);
  for (const auto& booked : attribution_.take_booked()) count_booked(booked);
  finish_remote();
  watch_placements(now);
  events_.advance(now);

  std::set<ProcessId> needed;
  for (const ProcessReading& p : residency_.processes()) needed.insert(p.id);
  for (const auto& [id, request] : requests_.live()) {
    if (request.runner) needed.insert(request.runner->id);
  }
  std::vector<ProcessId> gone;
  for (const auto& [id, curve] : attribution_.sensors().runners()) {
    const auto last = curve.last();
    if (needed.count(id) == 0 && last && *last < attribution_.position()) gone.push_back(id);
  }
  for (const ProcessId& id : gone) attribution_.sensors().forget_runner(id);
}

Evidence Analysis::evidence_for(const LiveRequest& request, const Attribution::Finished& finished) const {
  Evidence e;
  e.decode_window = finished.decode.window;
  e.output_tokens = static_cast<std::int64_t>(request.counted_output);
  e.gpu_load_ratio = finished.decode.gpu_load_ratio;
  e.gpu_samples = finished.decode.gpu_samples;
  e.runner_cores = finished.decode.runner_cores;
  e.runner_threads = options_.attribution.cores;
  if (request.runner && request.runner->threads) e.runner_threads = *request.runner->threads;
  e.gpu_present = options_.gpu_present;
  e.declared_gpu_share = residency_.declared_gpu_share(request.started.server, request.model_name);
  e.cpu_requested = request.gpu_layers == 0 || (request.runner && request.runner->gpu_layers_requested == 0);
  return e;
}

RequestRecord Analysis::record_of(const LiveRequest& request, const Attribution::Finished& finished) const {
  RequestRecord r;
  r.id = request.started.id;
  r.witness = request.started.witness;
  r.server = request.key.server;
  r.model = request.key.model;
  r.endpoint = request.started.endpoint;
  r.operation = request.started.operation;
  r.streamed = request.streamed;
  r.remote = request.remote;
  r.outcome = request.ended->outcome;
  r.status_code = request.ended->status_code;
  r.started = request.started.at;
  r.ended = request.ended->at;
  r.first_content = request.first_content;
  if (request.ended->counts) {
    r.prompt_tokens = request.ended->counts->prompt_tokens;
    r.output_tokens = request.ended->counts->output_tokens;
  }
  if (!r.output_tokens && request.counted_output > 0) {
    r.output_tokens = static_cast<std::int64_t>(request.counted_output);
    r.tokens_estimated = true;
  }
  for (const PhaseWindow& w : finished.windows.windows) r.phase_time[w.phase] += w.end - w.begin;
  r.phase_amounts = finished.amounts;
  r.solo_joules = finished.solo_joules;
  r.energy_known = finished.energy_known;
  r.gpu_known = finished.gpu_known;
  r.reasons = finished.reasons;
  r.energy_interval_nj = finished.energy_interval_nj;
  r.quality = finished.quality;
  if (request.suspended) r.reasons.emplace_back(kSuspended);
  r.decode = finished.decode;
  r.decode.output_tokens = static_cast<std::int64_t>(request.counted_output);
  return r;
}

void Analysis::judge_finished(const Attribution::Finished& finished) {
  LiveRequest* request = requests_.find(finished.id);
  if (request == nullptr) return;
  RequestRecord record = record_of(*request, finished);
  add_roofline(*request, record);
  ModelView& view = models_.view(request->key);
  count_phases(*request, finished.windows);

  const std::string done = request->ended->counts ? request->ended->counts->done_reason : "";
  if (done != "load" && done != "unload") {
    const Evidence evidence = evidence_for(*request, finished);
    const auto runner = request->runner ? std::optional(request->runner->id) : std::nullopt;
    record.verdict = trackers_[request->key].judge_request(evidence, runner, record.ended);
    record.decode.runner_threads = evidence.runner_threads;
    explain_fallback(request->key, record.verdict);
    ++view.verdicts[record.verdict.placement];
    if (record.verdict.placement != Placement::unknown) cpu_asked_for_[request->key] = evidence.cpu_requested;
  }
  keep(std::move(record));
}

void Analysis::explain_fallback(const ModelKey& key, Verdict& verdict) const {
  if (verdict.placement != Placement::cpu && verdict.placement != Placement::partial) return;
  const Fallback fallback = fallback_of(key, verdict.placement);
  if (fallback.reason == ReasonClass::none && fallback.why.empty()) return;
  verdict.explanation += "; reason " + std::string(to_string(fallback.reason)) + ": " + fallback.why;
}

void Analysis::keep(RequestRecord&& record) {
  judged_.push_back(record);
  unbooked_.insert_or_assign(record.id, record);
  recent_.push_back(std::move(record));
  if (recent_.size() > kRecentRequests) recent_.pop_front();
  request_ended_ = true;
}

// Requests that another host computed have a record and their time by phase, no share of the board and no
// verdict.
void Analysis::finish_remote() {
  std::vector<RequestId> done;
  for (const auto& [id, request] : requests_.live()) {
    if (!request.remote || !request.ended) continue;
    done.push_back(id);
    Attribution::Finished finished;
    finished.id = id;
    finished.windows = cut_windows(observed(request));
    finished.reasons = finished.windows.reasons;
    finished.reasons.emplace_back("remote");
    count_phases(request, finished.windows);
    keep(record_of(request, finished));
  }
  for (const RequestId id : done) requests_.forget(id);
}

void Analysis::count_phases(const LiveRequest& request, const RequestWindows& windows) {
  ModelView& view = models_.view(request.key);
  for (const PhaseWindow& w : windows.windows) {
    Nanoseconds time = w.end - w.begin;
    if (w.phase == Phase::decode) time = std::max(time - request.counted_decode, Nanoseconds::zero());
    view.phase_ns[w.phase] += time.count();
  }
}

bool Analysis::busy() const {
  const auto& live = requests_.live();
  return merge_.holding() ||
         std::any_of(live.begin(), live.end(), [](const auto& entry) { return !entry.second.remote; });
}

void Analysis::count_booked(const Attribution::Finished& booked) {
  auto judged = unbooked_.extract(booked.id);
  if (!judged.empty()) {
    RequestRecord& record = judged.mapped();
    record.phase_amounts = booked.amounts;
    record.reasons = booked.reasons;
    record.energy_interval_nj = booked.energy_interval_nj;
    record.quality = booked.quality;
    ++models_.view({record.server, record.model}).qualities[record.quality];
    mark_impossible(record);
    const LiveRequest* request = requests_.find(booked.id);
    if (request != nullptr && request->suspended) record.reasons.emplace_back(kSuspended);
    record.solo_joules = booked.solo_joules;
    const auto shown = std::find_if(recent_.begin(), recent_.end(),
                                    [&](const RequestRecord& r) { return r.id == booked.id; });
    if (shown != recent_.end()) *shown = record;
    if (record.energy_known && record.output_tokens.value_or(0) >= kMinTokensForJoules) {
      double joules = 0;
      for (const auto& [phase, amounts] : booked.amounts) {
        if (phase != Phase::load) joules += static_cast<double>(amounts.energy_nj) * 1e-9;
      }
      models_.view({record.server, record.model})
          .joules_per_token.observe(joules / static_cast<double>(*record.output_tokens));
    }
    if (options_.on_booked) options_.on_booked(record);
  }
  requests_.forget(booked.id);
}

bool Analysis::snapshot_due(MonotonicTime now) const {
  return request_ended_ || !last_snapshot_ || now - *last_snapshot_ >= kSnapshotInterval;
}

SnapshotPtr Analysis::make_snapshot(MonotonicTime now) {
  forget_unseen_models(now);
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
  snapshot->recent.assign(recent_.begin(), recent_.end());
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

Fallback Analysis::fallback_of(const ModelKey& key, Placement observed) const {
  FallbackFacts facts;
  facts.observed = observed;
  const auto asked = cpu_asked_for_.find(key);
  facts.cpu_requested = asked != cpu_asked_for_.end() && asked->second;
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
    const auto tracker = trackers_.find(key);
    if (tracker != trackers_.end()) view.placement = tracker->second.state();
    const auto asked = cpu_asked_for_.find(key);
    view.gpu_expected = asked == cpu_asked_for_.end() || !asked->second;
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
