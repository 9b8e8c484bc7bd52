#include "simulator/virtual/ollama.hpp"

#include <algorithm>

#include "simulator/board.hpp"

namespace tegrascope::simulator {
namespace {

constexpr Nanoseconds kWarmDelay = std::chrono::milliseconds{15};  // scheduler and template of a warm model
constexpr Nanoseconds kProgressEvery = std::chrono::milliseconds{250};
constexpr Nanoseconds kTick = std::chrono::seconds{5};

Nanoseconds ticks_of(double seconds) {
  return std::chrono::milliseconds{10} * static_cast<std::int64_t>(seconds * 100.0);
}

}  // namespace

VirtualOllama::VirtualOllama(const VirtualScenario& scenario, std::uint64_t seed, JobWatcher& watcher)
    : scenario_(scenario),
      watcher_(watcher),
      traffic_(scenario_, seed),
      workload_(scenario_, MonotonicTime{}),
      random_(seed ^ 0x9E3779B97F4A7C15ULL) {
  for (const std::string& name : scenario_.preload) {
    VirtualRunner& runner = add_runner(*find_model(name));
    runner.ready = true;
    leave_idle(runner);
  }
  for (const Traffic::Arrival& arrival : traffic_.begin()) {
    schedule(arrival.at, Kind::arrival, arrival.group);
    ++arrivals_;
  }
  for (std::size_t i = 0; i < scenario_.foreign.size(); ++i) {
    const ForeignJob& job = scenario_.foreign[i];
    schedule(MonotonicTime{from_seconds(job.at_seconds)}, Kind::foreign, i);
    schedule(MonotonicTime{from_seconds(job.at_seconds + job.for_seconds)}, Kind::foreign, i);
  }
  schedule(now_ + kTick, Kind::tick);
  recompose();
}

void VirtualOllama::schedule(MonotonicTime at, Kind kind, std::uint64_t what, std::string model) {
  events_.push({at, next_order_++, kind, what, std::move(model)});
}

MonotonicTime VirtualOllama::next_time() const {
  const MonotonicTime event = events_.empty() ? MonotonicTime::max() : events_.top().at;
  return std::min(event, workload_.next_completion());
}

void VirtualOllama::advance(MonotonicTime t) {
  while (next_time() <= t) {
    now_ = next_time();
    workload_.close(now_);
    while (!events_.empty() && events_.top().at <= now_) {
      const Event event = events_.top();
      events_.pop();
      handle(event);
    }
    std::vector<Job*> complete_now;
    for (const auto& [id, job] : jobs_)
      if (job->completes && *job->completes <= now_) complete_now.push_back(job.get());
    for (Job* job : complete_now) complete(*job);
    recompose();
  }
  workload_.show(t);
  now_ = t;
}

void VirtualOllama::recompose() {
  VirtualRunner* loading = loader_ == nullptr ? nullptr : runner_of(*loader_);
  workload_.compose(runners_, loading, loader_, foreign_);
}

void VirtualOllama::handle(const Event& event) {
  switch (event.kind) {
    case Kind::arrival:
      arrive(static_cast<std::size_t>(event.what));
      break;
    case Kind::started:
      if (Job* job = job_of(event.what)) started(*job);
      break;
    case Kind::evicted:
      runners_.erase(event.model);
      evicting_ = false;
      begin_load();
      break;
    case Kind::loaded:
      loaded(event.model);
      break;
    case Kind::expiry:
      expire(event.model);
      break;
    case Kind::progress:
      if (Job* job = job_of(event.what)) {
        const auto decoded = job->wanted_output - static_cast<std::int64_t>(job->tokens_left);
        watcher_.streaming(*job, std::min(decoded, job->wanted_output), now_);
        schedule(now_ + kProgressEvery, Kind::progress, event.what);
      }
      break;
    case Kind::foreign: {
      const ForeignJob* job = &scenario_.foreign[event.what];
      const auto known = std::find(foreign_.begin(), foreign_.end(), job);
      if (known == foreign_.end()) {
        foreign_.push_back(job);
      } else {
        foreign_.erase(known);
      }
      break;
    }
    case Kind::tick:
      workload_.warm_up(now_);
      schedule(now_ + kTick, Kind::tick);
      break;
  }
}

void VirtualOllama::arrive(std::size_t group) {
  --arrivals_;
  if (const auto next = traffic_.after_arrival(group, now_)) {
    schedule(next->at, Kind::arrival, next->group);
    ++arrivals_;
  }
  auto job = std::make_unique<Job>(traffic_.draw(group));
  job->truth.id = next_id_++;
  job->truth.received = now_;
  watcher_.received(*job, now_);
  Job& entered = *job;
  jobs_.emplace(entered.truth.id, std::move(job));
  enter(entered);
}

void VirtualOllama::enter(Job& job) {
  const VirtualRunner* runner = runner_of(job);
  if (runner != nullptr && runner->ready && !runner->leaving) {
    job.stage = Stage::starting;
    schedule(now_ + kWarmDelay, Kind::started, job.truth.id);
    return;
  }
  job.stage = Stage::waiting_for_model;
  wanting_.push_back(&job);
  begin_load();
}

void VirtualOllama::started(Job& job) {
  VirtualRunner* runner = runner_of(job);
  if (runner == nullptr || !runner->ready || runner->leaving) {  // evicted in the meantime
    enter(job);
    return;
  }
  job.truth.load_duration = now_ - job.truth.received;
  if (job.truth.api == Api::load) {
    end(job);
    return;
  }
  job.stage = Stage::waiting_for_slot;
  runner->waiting.push_back(&job);
  fill_slots(*runner);
}

void VirtualOllama::begin_load() {
  if (loader_ != nullptr || evicting_ || wanting_.empty()) return;
  Job& job = *wanting_.front();
  const SimulatedModel& model = *find_model(job.truth.model);
  VirtualRunner* runner = runner_of(job);
  if (runner != nullptr && runner->leaving) return;  // once it has left it is loaded anew
  if (runner != nullptr && runner->ready) {
    wanting_.pop_front();
    enter(job);
    begin_load();
    return;
  }
  if (free_memory() < static_cast<double>(model.weights_bytes + model.working_bytes)) {
    evict_for(model);
    return;
  }
  add_runner(model);
  loader_ = &job;
  job.stage = Stage::loading;
  job.truth.loaded = true;
  const double seconds = static_cast<double>(model.weights_bytes) / scenario_.disk_bytes_per_second;
  schedule(now_ + from_seconds(seconds), Kind::loaded, 0, model.name);
}

// The runner that was idle the longest goes; when all are busy the next that becomes idle does.
void VirtualOllama::evict_for(const SimulatedModel& model) {
  VirtualRunner* victim = nullptr;
  for (auto& [name, runner] : runners_) {
    if (runner.leaving) return;
    if (!runner.ready || runner.model == &model) continue;
    const bool better = victim == nullptr || (runner.idle() && !victim->idle()) ||
                        (runner.idle() == victim->idle() && runner.idle_since < victim->idle_since);
    if (better) victim = &runner;
  }
  if (victim == nullptr) return;
  victim->leaving = true;
  leave_idle(*victim);
}

void VirtualOllama::loaded(const std::string& model) {
  VirtualRunner& runner = runners_.at(model);
  runner.ready = true;
  loader_ = nullptr;
  std::vector<Job*> ready;
  for (auto it = wanting_.begin(); it != wanting_.end();) {
    if ((*it)->truth.model != model) {
      ++it;
      continue;
    }
    ready.push_back(*it);
    it = wanting_.erase(it);
  }
  leave_idle(runner);
  for (Job* job : ready) started(*job);
  begin_load();
}

void VirtualOllama::fill_slots(VirtualRunner& runner) {
  while (!runner.waiting.empty() && runner.active.size() < static_cast<std::size_t>(scenario_.parallel)) {
    Job* job = runner.waiting.front();
    runner.waiting.pop_front();
    runner.active.push_back(job);
    begin_prefill(*job);
  }
}

void VirtualOllama::begin_prefill(Job& job) {
  job.stage = Stage::prefill;
  job.phase_began = now_;
  job.tokens_left = static_cast<double>(job.truth.evaluated_tokens);
  job.completes.reset();
}

void VirtualOllama::complete(Job& job) {
  job.completes.reset();
  if (job.stage == Stage::prefill) {
    job.truth.prompt_eval_duration = now_ - job.phase_began;
    if (job.wanted_output > 0) {
      job.stage = Stage::decode;
      job.phase_began = now_;
      job.tokens_left = static_cast<double>(job.wanted_output);
      watcher_.first_token(job, now_);
      if (job.truth.streamed) schedule(now_ + kProgressEvery, Kind::progress, job.truth.id);
      return;
    }
  } else {
    job.truth.eval_duration = now_ - job.phase_began;
    job.truth.output_tokens = job.wanted_output;
  }
  end(job);
}

void VirtualOllama::end(Job& job) {
  VirtualRunner* runner = runner_of(job);
  job.stage = Stage::ended;
  job.truth.ended = now_;
  if (runner != nullptr) {
    const RunnerSpeed& speed = runner->speed;
    const double idle = idle_load().power.vdd_in;
    if (job.truth.api != Api::load)
      job.truth.solo_joules = static_cast<double>(job.truth.evaluated_tokens) /
                              speed.prompt_tokens_per_second * (speed.prefill.power.vdd_in - idle);
    if (job.truth.output_tokens > 0) {
      const BatchPass alone = batch_pass(speed, {{true, job.own_cost, 0}});
      job.truth.solo_joules += static_cast<double>(job.truth.output_tokens) * alone.seconds * alone.watts;
    }
  }
  watcher_.ended(job, now_);
  workload_.retire(job);
  if (const auto next = traffic_.after_answer(job.group, now_)) {
    schedule(next->at, Kind::arrival, next->group);
    ++arrivals_;
  }
  if (runner != nullptr) {
    std::erase(runner->active, &job);
    fill_slots(*runner);
    leave_idle(*runner);
  }
  jobs_.erase(job.truth.id);
}

// Nothing to do for it at the moment, or it has been told to go.
void VirtualOllama::leave_idle(VirtualRunner& runner) {
  if (!runner.idle()) return;
  runner.idle_since = now_;
  if (runner.leaving && !evicting_) {
    evicting_ = true;
    const double seconds = std::uniform_real_distribution<>(scenario_.eviction_seconds.low,
                                                            scenario_.eviction_seconds.high)(random_);
    schedule(now_ + from_seconds(seconds), Kind::evicted, 0, runner.model->name);
  } else {
    schedule(now_ + from_seconds(scenario_.keep_alive_seconds), Kind::expiry, 0, runner.model->name);
  }
}

void VirtualOllama::expire(const std::string& model) {
  const auto it = runners_.find(model);
  if (it == runners_.end() || !it->second.ready || !it->second.idle() || it->second.leaving) return;
  if (now_ - it->second.idle_since < from_seconds(scenario_.keep_alive_seconds)) return;
  const bool starting = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    return entry.second->truth.model == model && entry.second->stage == Stage::starting;
  });
  if (!starting) runners_.erase(it);
}

VirtualRunner& VirtualOllama::add_runner(const SimulatedModel& model) {
  VirtualRunner runner;
  runner.model = &model;
  runner.speed = runner_speed(model, scenario_.placement, scenario_.gpu_fraction);
  const Nanoseconds up = kBootedBefore + now_.time_since_epoch();
  runner.id = {next_pid_, static_cast<std::uint64_t>(to_seconds(up) * 100.0)};
  next_pid_ += 23;
  return runners_.insert_or_assign(model.name, std::move(runner)).first->second;
}

VirtualRunner* VirtualOllama::runner_of(const Job& job) {
  const auto it = runners_.find(job.truth.model);
  return it == runners_.end() ? nullptr : &it->second;
}

Job* VirtualOllama::job_of(RequestId id) {
  const auto it = jobs_.find(id);
  return it == jobs_.end() ? nullptr : it->second.get();
}

double VirtualOllama::free_memory() const {
  double left = scenario_.memory_bytes;
  for (const auto& [name, runner] : runners_)
    left -= static_cast<double>(runner.model->weights_bytes + runner.model->working_bytes);
  return left;
}

ServerState VirtualOllama::state(MonotonicTime at) const {
  ServerState out;
  out.server = {"127.0.0.1:11434", "http://127.0.0.1:11434", kServePid};
  out.up = true;
  out.version = "0.30.0";
  out.models_known = true;
  out.at = at;
  for (const auto& [name, runner] : runners_) {
    if (!runner.ready) continue;
    const SimulatedModel& model = *runner.model;
    const double in_gpu = scenario_.placement == Placement::gpu       ? 1.0
                          : scenario_.placement == Placement::partial ? scenario_.gpu_fraction
                                                                      : 0.0;
    ResidentModel resident;
    resident.name = model.name;
    resident.digest = manifest_digest(model);
    resident.model_blob = blob_digest(model);
    resident.family = model.family;
    resident.parameter_size = model.parameter_size;
    resident.quantization = model.quantization;
    resident.size_bytes = model.weights_bytes + model.working_bytes;
    resident.size_vram_bytes =
        static_cast<std::uint64_t>(in_gpu * static_cast<double>(model.weights_bytes + model.working_bytes));
    resident.context_length = 4096;
    out.models.push_back(std::move(resident));
  }
  return out;
}

std::vector<ProcessReading> VirtualOllama::processes(MonotonicTime at) const {
  std::vector<ProcessReading> out;
  ProcessReading serve;
  serve.id = {kServePid, 9000};
  serve.role = ProcessRole::serve;
  serve.serve_pid = kServePid;
  serve.cpu_time = ticks_of(3.1 + workload_.serve_cpu_seconds());
  serve.at = at;
  out.push_back(serve);
  for (const auto& [name, runner] : runners_) {
    ProcessReading p;
    p.id = runner.id;
    p.role = ProcessRole::runner;
    p.parent_pid = p.serve_pid = kServePid;
    p.cpu_time = ticks_of(runner.cpu_seconds);
    p.model_blob = blob_digest(*runner.model);
    p.threads = kBoardCores;
    p.began = MonotonicTime{std::chrono::milliseconds{10} * static_cast<std::int64_t>(p.id.start_ticks) -
                            kBootedBefore};
    p.at = at;
    out.push_back(std::move(p));
  }
  return out;
}

}  // namespace tegrascope::simulator
