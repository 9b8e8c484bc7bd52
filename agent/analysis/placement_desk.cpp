#include "agent/analysis/placement_desk.hpp"

#include <algorithm>
#include <cmath>

namespace tegrascope {
namespace {

constexpr Nanoseconds kLookEvery = std::chrono::seconds(1);
constexpr double kForeignCores = 0.35;  // share of all cores
constexpr double kOtherRunnerCores = 0.05;
// A busy runner is noticed late, and its first second is often the prompt.
constexpr Nanoseconds kOpaqueLeadIn = std::chrono::seconds(1);
// Clock ticks of 10 ms and the GPU load's moving average make a shorter one too coarse.
constexpr Nanoseconds kShortestStretch = std::chrono::milliseconds(500);

double cores_between(const CounterCurve& cpu, MonotonicTime begin, MonotonicTime end) {
  if (!cpu.first()) return 0;
  begin = std::max(begin, *cpu.first());
  end = std::min(end, *cpu.last());
  if (end <= begin) return 0;
  const auto growth = cpu.growth(begin, end);
  return growth ? to_seconds(*growth) / to_seconds(end - begin) : 0;
}

bool flagged(const Verdict& verdict, const char* flag) {
  return std::find(verdict.flags.begin(), verdict.flags.end(), flag) != verdict.flags.end();
}

Nanoseconds decode_time(const Attribution::Finished& finished) {
  Nanoseconds time{};
  for (const PhaseWindow& w : finished.windows.windows)
    if (w.phase == Phase::decode) time += w.end - w.begin;
  return time;
}

// The first token comes out of the prompt.
std::optional<double> rate_of(const LiveRequest& request, const Attribution::Finished& finished) {
  const Nanoseconds time = decode_time(finished);
  if (request.counted_output < 2 || time <= Nanoseconds::zero()) return std::nullopt;
  return static_cast<double>(request.counted_output - 1) / to_seconds(time);
}

bool is_shared(const Attribution::Finished& finished) {
  return std::find(finished.reasons.begin(), finished.reasons.end(), "shared") != finished.reasons.end();
}

}  // namespace

PlacementTracker& PlacementDesk::tracker_of(const ModelKey& key) {
  return trackers_.try_emplace(key, options_.limits).first->second;
}

const PlacementTracker* PlacementDesk::tracker(const ModelKey& key) const {
  const auto it = trackers_.find(key);
  return it == trackers_.end() ? nullptr : &it->second;
}

void PlacementDesk::forget(const ModelKey& key) {
  trackers_.erase(key);
  cpu_asked_for_.erase(key);
  power_modes_.erase(key);
}

bool PlacementDesk::gpu_expected(const ModelKey& key) const {
  const auto asked = cpu_asked_for_.find(key);
  return asked == cpu_asked_for_.end() || !asked->second.cpu;
}

bool PlacementDesk::is_asked_for_cpu(const ModelKey& key, const ProcessId& runner) const {
  const auto asked = cpu_asked_for_.find(key);
  return asked != cpu_asked_for_.end() && asked->second.cpu && asked->second.runner == runner;
}

// A runner that was started for the CPU stays there, whatever a later request leaves open.
void PlacementDesk::note_asked(const ModelKey& key, bool cpu, const std::optional<ProcessId>& runner) {
  if (!cpu && runner && is_asked_for_cpu(key, *runner)) return;
  cpu_asked_for_[key] = {cpu, runner};
}

bool PlacementDesk::is_no_decode(const LiveRequest& request) const {
  if (request.started.witness == Witness::slots) return !request.first_content;
  return request.started.witness == Witness::process && request.runner &&
         slotted_.count(request.runner->id) != 0;
}

// A log tells of the last load only.
bool PlacementDesk::is_newest(const ProcessReading& runner) const {
  const auto& all = sources_.residency.processes();
  return std::none_of(all.begin(), all.end(), [&](const ProcessReading& p) {
    return p.role == ProcessRole::runner && p.serve_pid == runner.serve_pid &&
           p.id.start_ticks > runner.id.start_ticks;
  });
}

void PlacementDesk::add_declared(const std::string& server, const std::string& model,
                                 const std::optional<ProcessReading>& runner, Evidence& e) const {
  e.gpu_present = options_.gpu_present;
  e.declared_gpu_share = sources_.residency.declared_gpu_share(server, model);
  e.runner_threads = options_.cores;
  if (!runner) return;
  // What was read of it last, not when the request found it.
  const ProcessReading now = sources_.residency.runner(runner->id).value_or(*runner);
  if (now.threads) e.runner_threads = *now.threads;
  e.gpu_library = now.gpu_library;
  const auto memory = sources_.gpu_memory.find(now.id.pid);
  if (memory != sources_.gpu_memory.end() && memory->second > 0) e.gpu_memory_held = true;
  e.cpu_requested = now.gpu_layers_requested == 0;
  const auto log = sources_.logs.find(server);
  if (log == sources_.logs.end() || !is_newest(now)) return;
  if (!log->second.layers_offloaded || !log->second.layers_total) return;
  e.logged_layers_offloaded = log->second.layers_offloaded;
  e.logged_layers_total = log->second.layers_total;
}

void PlacementDesk::add_circumstances(const LiveRequest& request, MonotonicTime begin, MonotonicTime end,
                                      Evidence& e) const {
  const Sensors& sensors = sources_.attribution.sensors();
  double all_runners = 0;
  double other_runners = 0;
  for (const auto& [id, cpu] : sensors.runners()) {
    const double cores = cores_between(cpu, begin, end);
    all_runners += cores;
    const auto process = sources_.residency.runner(id);
    const bool is_serve = process && process->role == ProcessRole::serve;
    if (!is_serve && request.runner && id != request.runner->id)
      other_runners = std::max(other_runners, cores);
  }
  const double foreign = cores_between(sensors.total_cpu(), begin, end) - all_runners;
  e.throttled = board_.throttled(begin, end);
  e.swapping = board_.swapping(begin, end);
  e.contended = foreign > kForeignCores * options_.cores;
  if (!e.gpu_load_ratio) return;
  e.load_doubt = board_.load_doubt(request.started.at, *e.gpu_load_ratio);
  if (other_runners > kOtherRunnerCores) e.load_doubt = LoadDoubt::shared;
}

// Of the stretches in which the runner did nothing but decode, where they are enough.
void PlacementDesk::add_physical(const LiveRequest& request, MonotonicTime begin, MonotonicTime end,
                                 Evidence& e) const {
  const auto runner = request.runner_id();
  DecodeEvidence seen;
  double load = 0;
  double cores = 0;
  Nanoseconds cores_known{};
  const std::vector<TimeSpan> spans = work_.decode_only(request, begin, end);
  for (const TimeSpan& span : spans) {
    if (span.end - span.begin < kShortestStretch) continue;
    const DecodeEvidence part = sources_.attribution.evidence_over(runner, span.begin, span.end);
    seen.window += part.window;
    seen.gpu_samples += part.gpu_samples;
    load += part.gpu_load_ratio.value_or(0) * part.gpu_samples;
    if (!part.runner_cores) continue;
    cores += *part.runner_cores * to_seconds(part.window);
    cores_known += part.window;
  }
  if (seen.gpu_samples > 0) seen.gpu_load_ratio = load / seen.gpu_samples;
  if (cores_known > Nanoseconds::zero()) seen.runner_cores = cores / to_seconds(cores_known);
  const bool undisturbed = spans.size() == 1 && spans[0].begin == begin && spans[0].end == end;
  e.beside_prompt = !undisturbed && seen.window < options_.limits.min_decode;
  if (undisturbed || e.beside_prompt) seen = sources_.attribution.evidence_over(runner, begin, end);
  e.decode_window = seen.window;
  e.gpu_load_ratio = seen.gpu_load_ratio;
  e.gpu_samples = seen.gpu_samples;
  e.runner_cores = seen.runner_cores;
}

Evidence PlacementDesk::evidence_for(const LiveRequest& request, MonotonicTime begin,
                                     MonotonicTime end) const {
  Evidence e;
  add_declared(request.started.server, request.model_name, request.runner, e);
  add_physical(request, begin, end, e);
  e.output_tokens = static_cast<std::int64_t>(request.counted_output);
  e.cpu_requested = e.cpu_requested || request.gpu_layers == 0;
  add_circumstances(request, begin, end, e);
  const auto mode = power_modes_.find(request.key);
  e.mode_changed = mode != power_modes_.end() && board_.power_mode() && *board_.power_mode() != mode->second;
  return e;
}

RateKey PlacementDesk::rate_key(const LiveRequest& request) const {
  RateKey key;
  key.server = request.key.server;
  key.model = request.model_name;
  const auto server = sources_.residency.servers().find(request.started.server);
  if (server != sources_.residency.servers().end()) {
    key.version = server->second.version;
    for (const ResidentModel& m : server->second.models) {
      if (m.name != request.model_name) continue;
      key.digest = m.digest;
      key.quantization = m.quantization;
    }
  }
  double context = static_cast<double>(request.counted_output);
  if (request.ended && request.ended->counts)
    context += static_cast<double>(request.ended->counts->prompt_tokens.value_or(0));
  key.context_octave = static_cast<int>(std::log2(std::max(context, 1.0)));
  key.power_mode = board_.power_mode().value_or(-1);
  key.gpu_max_hertz = board_.gpu_max_hertz();
  return key;
}

void PlacementDesk::add_history(const LiveRequest& request, const Attribution::Finished& finished,
                                Evidence& e) const {
  const auto rate = rate_of(request, finished);
  if (!rate || e.output_tokens < options_.limits.rate_min_tokens || is_shared(finished)) return;
  const RateKey key = rate_key(request);
  e.rate_ratio = history_.rate_ratio(key, *rate);
  const auto idle = sources_.attribution.idle_watts();
  if (finished.decode.board_watts && idle)
    e.joules_unusual = history_.joules_unusual(key, (*finished.decode.board_watts - *idle) / *rate);
}

// Only what ran on the GPU, undisturbed, is what a later request is held against.
void PlacementDesk::learn(const LiveRequest& request, const Attribution::Finished& finished,
                          const Verdict& verdict) {
  const auto rate = rate_of(request, finished);
  const bool disturbed = flagged(verdict, "throttled") || flagged(verdict, "contended") ||
                         flagged(verdict, "swapping") || flagged(verdict, "mode_changed");
  if (!rate || verdict.placement != Placement::gpu || disturbed || is_shared(finished)) return;
  if (static_cast<std::int64_t>(request.counted_output) < options_.limits.rate_min_tokens) return;
  const auto idle = sources_.attribution.idle_watts();
  std::optional<double> joules;
  if (finished.decode.board_watts && idle) joules = (*finished.decode.board_watts - *idle) / *rate;
  history_.learn(rate_key(request), *rate, joules);
}

Verdict PlacementDesk::judge_finished(const LiveRequest& request, const Attribution::Finished& finished) {
  const MonotonicTime end = request.ended->at;
  const MonotonicTime begin = end - finished.decode.window;
  work_.note_ended(request);
  Evidence e = evidence_for(request, begin, end);
  const auto& windows = finished.windows.windows;
  e.phases_known = windows.empty() || windows.back().phase != Phase::unknown;
  if (is_no_decode(request)) e.decode_window = {};
  add_history(request, finished, e);
  const auto runner = request.runner ? std::optional(request.runner->id) : std::nullopt;
  const Verdict verdict = tracker_of(request.key).judge_request(e, runner, end);
  if (verdict.placement != Placement::unknown) {
    note_asked(request.key, e.cpu_requested, runner);
    if (runner) decoded_.insert(*runner);
  }
  if (board_.power_mode()) power_modes_[request.key] = *board_.power_mode();
  learn(request, finished, verdict);
  return verdict;
}

void PlacementDesk::look(MonotonicTime now) {
  if (looked_ && now - *looked_ < kLookEvery) return;
  looked_ = now;
  look_at_running(now);
  look_at_loaded(now);
  for (auto& [key, tracker] : trackers_) {
    const auto server = sources_.residency.servers().find(key.server);
    bool resident = false;
    if (server != sources_.residency.servers().end()) {
      for (const ResidentModel& m : server->second.models)
        resident = resident || sources_.models.label(m.name) == key.model;
    }
    tracker.note_resident(resident, now);
  }
  const auto gone = [&](const ProcessId& id) { return !sources_.residency.runner(id); };
  for (std::set<ProcessId>* runners : {&decoded_, &slotted_}) std::erase_if(*runners, gone);
  work_.forget_if(gone);
}

void PlacementDesk::look_at_running(MonotonicTime now) {
  const auto& live = sources_.requests.live();
  see_requests();
  const auto open = std::count_if(live.begin(), live.end(), [](const auto& entry) {
    return !entry.second.remote && !entry.second.ended;
  });
  const MonotonicTime end = std::min(sources_.attribution.position(), now);
  for (const auto& [id, request] : live) {
    if (request.remote || request.ended || request.model_name.empty() || !request.runner) continue;
    if (request.started.operation == Operation::embed || is_no_decode(request)) continue;
    const bool phase_known = request.streamed && request.first_content;
    MonotonicTime begin = phase_known ? *request.first_content : request.started.at + kOpaqueLeadIn;
    if (!phase_known) begin = std::max(begin, end - options_.limits.opaque_raise);
    const Nanoseconds least =
        phase_known ? options_.limits.in_flight_after : options_.limits.opaque_raise - kOpaqueLeadIn;
    if (end - begin < least) continue;
    Evidence e = evidence_for(request, begin, end);
    e.phases_known = phase_known;
    if (!phase_known) {
      // Only this much is sure without the phase: the runner computes on most cores, the GPU does nothing.
      const bool on_cpu = e.runner_cores && e.gpu_load_ratio && e.load_doubt == LoadDoubt::none &&
                          *e.gpu_load_ratio < options_.limits.load_silent &&
                          *e.runner_cores >= options_.limits.cores_most_share * e.runner_threads;
      if (open != 1 || !on_cpu) continue;
    }
    const Verdict verdict = tracker_of(request.key).judge_in_flight(e, request.runner->id, now);
    if (verdict.placement != Placement::unknown) note_asked(request.key, e.cpu_requested, request.runner->id);
  }
}

void PlacementDesk::look_at_loaded(MonotonicTime now) {
  for (const auto& [name, state] : sources_.residency.servers()) {
    for (const ResidentModel& model : state.models) {
      if (model.remote) continue;
      const auto runner = sources_.residency.runner_of_resident(name, model.name);
      if (!runner || decoded_.count(runner->id) != 0) continue;
      Evidence e;
      add_declared(name, model.name, runner, e);
      const ModelKey key{name, sources_.models.label(model.name)};
      if (key.model == kOtherModel) continue;
      for (const auto& [id, request] : sources_.requests.live())
        e.cpu_requested = e.cpu_requested || (request.key == key && request.gpu_layers == 0);
      e.cpu_requested = e.cpu_requested || is_asked_for_cpu(key, runner->id);
      if (tracker_of(key).judge_loaded(e, runner->id, now)) note_asked(key, e.cpu_requested, runner->id);
    }
  }
}

}  // namespace tegrascope
