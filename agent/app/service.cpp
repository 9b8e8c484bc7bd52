#include "agent/app/service.hpp"

#include <pthread.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <future>

#include "agent/app/log.hpp"
#include "agent/app/version.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kBusCapacity = 65536;
constexpr double kBusyRunnerCores = 0.10;
// While requests are under way a slot of samples wakes this thread, but not before a second has passed: little comes to
// be known without samples, and what the sampler has just touched is in the caches. Where none comes (it hangs, or
// samples seldom) a timer does, and many messages do, so that no look takes long.
constexpr Nanoseconds kShortestTurn = std::chrono::seconds{1};
constexpr Nanoseconds kLongestTurn = std::chrono::seconds{2};
constexpr std::size_t kMostLeft = 128;
constexpr Nanoseconds kKeepEvery = std::chrono::seconds{10};  // a commit comes each 30 s at most
// A turn must not keep the relay from a core. More would make scrapes wait on a board whose cores are all busy.
constexpr int kNicer = 5;

}  // namespace

Service::Service(const AnalysisOptions& options, RequestIds& ids, bool witness_processes, ServiceHooks hooks)
    : work_(context_.get_executor()),
      bus_(kBusCapacity, [this] { boost::asio::post(context_, [this] { drain(); }); }),
      options_(options),
      analysis_(with_recorder(options)),
      witness_processes_(witness_processes),
      process_witness_(ids,
                       [this](RequestEvent&& event) {
                         if (witness_processes_) feed(event);
                       }),
      slots_witness_(ids, [this](RequestEvent&& event) { feed(event); },
                     {[this](const ProcessId& runner) { return process_witness_.server_name(runner); },
                      [this](const ProcessId& runner) { return process_witness_.model_name(runner); }}),
      hooks_(std::move(hooks)) {}

Service::~Service() { stop(); }

void Service::push(std::vector<Batch>&& slot) {
  bus_.push_all(std::move(slot));
  if (monotonic_now() >= next_turn_.load()) bus_.wake();
}

AnalysisOptions Service::with_recorder(AnalysisOptions options) {
  options.on_booked = [this, told = options.on_booked](const RequestRecord& record) {
    recorder_.take(booked_answer(record));
    if (told) told(record);
  };
  return options;
}

void Service::restore(std::shared_ptr<const Books> carried, const LearnedState& learned) {
  restored_ = {learned, monotonic_now()};
  analysis_.restore(std::move(carried), restored_->learned, restored_->at);
}

void Service::use(Outlets& outlets) {
  outlets_ = &outlets;
  for (RecordKeeper* keeper : outlets.keepers()) recorder_.add_keeper(*keeper);
}

void Service::begin_recording() {
  RecordingHead head;
  head.program = version();
  head.options = options_;
  const auto clock = clock_watch_.look(read_clocks());
  head.clock = clock->now;
  recorder_.begin(head);
  if (restored_) recorder_.take(*restored_);
  analysis_.add(head.clock);
}

void Service::end_recording(MonotonicTime now) {
  if (!recorder_.on()) return;
  RecordingEnd end;
  end.at = now;
  end.ledger = analysis_.attribution().ledger().totals();
  recorder_.take(end);
}

void Service::start() {
  running_ = true;
  watchdog_.start();
  begin_recording();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "service");
    static_cast<void>(::nice(kNicer));  // of this thread only (sched(7))
    context_.run();
  });
}

void Service::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    running_ = false;
    turn_.cancel();
    drain();
    analysis_.renew_learned();
    const MonotonicTime now = monotonic_now();
    make_snapshot(now);
    end_recording(now);
    watchdog_.stop();
    work_.reset();
  });
  thread_.join();
}

void Service::look_at_clocks() {
  const auto news = clock_watch_.look(read_clocks());
  if (!news) return;
  if (news->before) feed(*news->before);
  feed(news->now);
  if (news->slept > Nanoseconds::zero())
    log_info("the machine was suspended; requests under way are marked",
             {{"seconds", std::to_string(to_seconds(news->slept))}});
  if (news->stepped != Nanoseconds::zero())
    log_info("the wall clock was set; figures do not depend on it",
             {{"seconds", std::to_string(to_seconds(news->stepped))}});
}

void Service::tell_events() {
  for (const Event& event : analysis_.take_events()) {
    recorder_.take(event);
    state_log_.note(event);
    if (outlets_ != nullptr) outlets_->tell(event);
  }
}

void Service::tell_placements(MonotonicTime now) {
  const std::set<ModelKey> changed = analysis_.take_changed_placements();
  if (changed.empty()) return;
  make_snapshot(now);
  for (const ModelView& view : snapshot_->models)
    if (changed.count({view.server, view.model}) != 0) state_log_.note_placement(view);
}

void Service::make_snapshot(MonotonicTime now) {
  if (const auto relay = hooks_.relay_view()) feed(*relay);
  analysis_.set_storage(hooks_.storage_view());
  if (outlets_ != nullptr) analysis_.set_outlets(outlets_->web_hook(), outlets_->incidents());
  snapshot_ = analysis_.make_snapshot(now);
}

SnapshotPtr Service::latest() {
  if (!running_) return snapshot_;
  drain();
  const MonotonicTime now = monotonic_now();
  if (analysis_.snapshot_due(now)) make_snapshot(now);
  return snapshot_;
}

SnapshotPtr Service::ask() {
  std::promise<SnapshotPtr> answer;
  boost::asio::post(context_, [this, &answer] { answer.set_value(latest()); });
  return answer.get_future().get();
}

void Service::keep(MonotonicTime now) {
  if (kept_ && now - *kept_ < kKeepEvery) return;
  kept_ = now;
  make_snapshot(now);
  hooks_.keep(snapshot_);
}

void Service::drain() {
  look_at_clocks();
  for (Message& message : bus_.take()) {
    std::visit([this](auto& m) { take(std::move(m)); }, message);
  }
  const MonotonicTime now = monotonic_now();
  analysis_.set_dropped_events(bus_.dropped());
  recorder_.take(Advance{now, bus_.dropped()});
  analysis_.advance(now);
  tell_events();
  if (outlets_ != nullptr) outlets_->advance(now);
  for (const RequestRecord& record : analysis_.take_judged()) state_log_.note_request(record);
  for (const std::string& server : analysis_.take_poll_wanted()) hooks_.poll_soon(server);
  if (analysis_.busy() != busy_) {
    busy_ = !busy_;
    hooks_.set_busy(busy_);
  }
  tell_placements(now);
  keep(now);
  choose_turns(now);
}

void Service::choose_turns(MonotonicTime now) {
  looked_at_ = now;
  next_turn_ = busy_ ? now + kShortestTurn : MonotonicTime::max();
  if (busy_ == in_turns_ || !running_) return;
  in_turns_ = busy_;
  bus_.set_wake_at(in_turns_ ? kMostLeft : 1);
  if (in_turns_) await_turn();
}

void Service::await_turn() {
  turn_.expires_after(kLongestTurn);
  turn_.async_wait([this](const boost::system::error_code& error) {
    if (error || !in_turns_ || !running_) return;
    if (monotonic_now() - looked_at_ >= kLongestTurn) drain();
    if (in_turns_) await_turn();
  });
}

void Service::take(Batch&& batch) {
  state_log_.note(batch);
  feed(batch);
  if (!batch.lists_processes) return;
  process_witness_.observe(batch);
  if (hooks_.watch_slots) {
    slots_witness_.observe(batch);
    choose_slots(batch);
  }
  follow_processes(batch);
}

void Service::follow_processes(const Batch& batch) {
  std::set<std::int64_t> serves;
  std::set<ProcessId> runners;
  for (const ProcessReading& p : batch.processes) {
    if (p.role == ProcessRole::serve) serves.insert(p.id.pid);
    if (p.role == ProcessRole::runner) runners.insert(p.id);
  }
  const bool other_serves = serves != serve_pids_;
  if (!other_serves && runners == runners_) return;
  serve_pids_ = std::move(serves);
  runners_ = std::move(runners);
  if (other_serves) hooks_.find_servers();
  hooks_.find_gpu_access({serve_pids_.begin(), serve_pids_.end()}, {runners_.begin(), runners_.end()});
}

// Slots are read while something is in flight or a runner is at work, and not otherwise.
void Service::choose_slots(const Batch& batch) {
  std::map<ProcessId, std::pair<MonotonicTime, Nanoseconds>> cpu;
  std::vector<SlotsTarget> targets;
  for (const ProcessReading& p : batch.processes) {
    if (p.role != ProcessRole::runner || !p.port || !p.cpu_time) continue;
    cpu[p.id] = {p.at, *p.cpu_time};
    const auto last = runner_cpu_.find(p.id);
    const bool at_work =
        last != runner_cpu_.end() && to_seconds(*p.cpu_time - last->second.second) >=
                                         kBusyRunnerCores * to_seconds(p.at - last->second.first);
    if (at_work || busy_ || slots_witness_.busy(p.id)) targets.push_back({p.id, *p.port});
  }
  runner_cpu_ = std::move(cpu);
  hooks_.watch_slots(std::move(targets));
}

void Service::take(SlotsReading&& reading) {
  slots_witness_.observe(reading);
  if (reading.error.empty()) {
    feed(SlotsSeen{reading.runner});
    return;
  }
  log_info("the slots of a runner cannot be read, its requests are seen by weaker witnesses",
           {{"pid", std::to_string(reading.runner.pid)}, {"error", reading.error}});
}

void Service::take(RequestEvent&& event) { feed(event); }

void Service::take(ServerState&& state) {
  state_log_.note(state);
  process_witness_.set_state(state);
  feed(state);
}

void Service::take(CaptureView&& capture) {
  state_log_.note(capture);
  feed(capture);
}

void Service::take(ServerLog&& log) {
  state_log_.note(log);
  feed(log);
}

void Service::take(GpuAccess&& access) { feed(access); }

void Service::take(std::vector<OllamaServer>&& servers) {
  feed(servers);
  process_witness_.set_servers(std::move(servers));
}

}  // namespace tegrascope
