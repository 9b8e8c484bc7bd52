#include "agent/analysis/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "agent/analysis/by_server.hpp"

namespace tegrascope {
namespace {

constexpr double kBusyRunnerCores = 0.10;
constexpr Nanoseconds kRunnerRests = std::chrono::seconds(1);

bool is_busy_mode(const std::string& mode) {
  return mode != "idle" && mode != "iowait" && mode != "guest" && mode != "guest_nice";
}

}  // namespace

Analysis::Analysis(const AnalysisOptions& options)
    : options_(options),
      attribution_(options.attribution),
      models_(options.model_cap),
      requests_(attribution_, models_, residency_),
      desk_({options.placement, options.attribution.cores, options.gpu_present},
            {attribution_, residency_, requests_, models_, logs_, gpu_memory_}) {}

void Analysis::add(const Batch& batch) {
  const std::vector<const Reading*> readings = timeline_.add(batch);
  add_sensors(readings);
  for (const Reading* reading : readings) events_.note_reading(*reading);
  if (batch.lists_processes) add_processes(batch);
  if (!batch.lists_gpu_processes) return;
  gpu_memory_.clear();
  for (const GpuProcess& p : batch.gpu_processes) gpu_memory_[p.pid] += p.memory_bytes;
  gpu_memory_at_ = batch.finished;
}

void Analysis::add_sensors(const std::vector<const Reading*>& readings) {
  std::map<std::string, double> busy_cpu;  // seconds of each core
  std::optional<MonotonicTime> cpu_at;
  std::optional<double> hottest;
  std::optional<MonotonicTime> gpu_at;
  for (const Reading* reading : readings) {
    const Reading& r = *reading;
    desk_.board().add(r);
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
        if (is_busy_mode(r.kind)) busy_cpu[r.instance] += r.value;
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
  // A core that comes online brings all it ever did.
  for (const auto& [core, seconds] : busy_cpu) {
    const auto [last, first] = busy_cpu_.try_emplace(core, seconds);
    if (!first) total_cpu_ += from_seconds(std::max(seconds - last->second, 0.0));
    last->second = seconds;
  }
  if (cpu_at) attribution_.sensors().add_total_cpu(*cpu_at, total_cpu_);
  if (gpu_at) add_gpu_load(*gpu_at);
}

// Of several GPUs the busiest counts: nobody says which one a runner decodes on.
void Analysis::add_gpu_load(MonotonicTime at) {
  double load = 0;
  for (const auto& [gpu, r] : gpu_loads_) {
    if (at - r.at <= options_.attribution.sensors.max_gap) load = std::max(load, r.value);
  }
  attribution_.sensors().add_gpu_load(at, load);
  desk_.board().add_gpu_load(at, load,
                             busy() || runner_worked_at_ == at || at - runner_worked_at_ < kRunnerRests);
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
      if (cores >= kBusyRunnerCores) runner_worked_at_ = std::max(runner_worked_at_, p.at);
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
  // A runner at work whose model is not known: it was loaded since the last poll.
  if (const auto* described = std::get_if<RequestDescribed>(&event);
      described != nullptr && described->model.empty() && described->runner) {
    for (const auto& [name, state] : residency_.servers()) poll_wanted_.insert(name);
  }
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

void Analysis::add(const ServerLog& log) {
  set_log_followed(log.server, log.followed);
  events_.note_log(log, now_);
  logs_.insert_or_assign(log.server, log);
}

void Analysis::add(const std::vector<OllamaServer>& servers) {
  residency_.keep_only(servers);
  std::set<std::string> watched;
  for (const OllamaServer& server : servers) watched.insert(server.name);
  bound_by_servers(server_busy_seconds_, watched);
  bound_by_servers(logs_, watched);
  events_.bound_servers(watched);
}

void Analysis::advance(MonotonicTime now) {
  now_ = now;
  merge_.advance(now);
  attribution_.advance(now);
  const auto all_finished = attribution_.take_finished();
  if (!all_finished.empty()) desk_.see_requests();
  for (const auto& finished : all_finished) judge_finished(finished);
  for (const auto& booked : attribution_.take_booked()) count_booked(booked);
  finish_remote();
  desk_.look(now);
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
  forget_unseen_models(now);
}

bool Analysis::busy() const {
  const auto& live = requests_.live();
  return merge_.holding() ||
         std::any_of(live.begin(), live.end(), [](const auto& entry) { return !entry.second.remote; });
}

}  // namespace tegrascope
