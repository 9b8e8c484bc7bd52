#include "agent/accuracy/virtual_agent.hpp"

#include <ctime>
#include <utility>

namespace tegrascope::accuracy {
namespace {

constexpr Nanoseconds kIdleInterval = std::chrono::seconds{1};
constexpr Nanoseconds kPollEvery = std::chrono::seconds{5};
constexpr Nanoseconds kPollDelay = std::chrono::milliseconds{50};
constexpr Nanoseconds kSlotsEvery = std::chrono::milliseconds{250};
constexpr Nanoseconds kLogEvery = std::chrono::seconds{1};
constexpr double kBusyRunnerCores = 0.10;
constexpr Nanoseconds kCheckEvery = std::chrono::minutes{1};

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

RequestEvent relayed(RequestEvent event) {
  std::visit([](auto& e) { e.id += VirtualAgent::kRelayed; }, event);
  return event;
}

}  // namespace

VirtualAgent::VirtualAgent(VirtualAgentOptions options)
    : options_(std::move(options)),
      analysis_(options_.analysis),
      processes_(ids_, [this](RequestEvent&& event) { analysis_.add(event); }),
      slots_(ids_, [this](RequestEvent&& event) { analysis_.add(event); },
             {[this](const ProcessId& runner) { return processes_.server_name(runner); },
              [this](const ProcessId& runner) { return processes_.model_name(runner); }}),
      schedule_(kIdleInterval, options_.seed ^ 0x8EBC6AF09C88C6E3ULL),
      slow_(std::chrono::seconds{1}) {
  next_sample_ = schedule_.next_instant(options_.starts);
  next_poll_ = options_.starts;
}

std::vector<Batch> VirtualAgent::sample(simulator::VirtualWorld& world, MonotonicTime now) {
  std::vector<Batch> batches = world.sample(now, slow_.due(schedule_.sampled(now)).due);
  for (Batch& batch : batches) {
    if (!options_.tell_averaging)
      std::erase_if(batch.readings,
                    [](const Reading& r) { return r.signal == Signal::board_averaging_seconds; });
    if (options_.sight != Sight::all)
      for (ProcessReading& process : batch.processes) process.gpu_library.reset();
  }
  next_sample_ = schedule_.next_instant(now);
  return batches;
}

void VirtualAgent::witness(const std::vector<Batch>& batches) {
  if (options_.sight == Sight::relay) return;
  for (const Batch& batch : batches) {
    if (!batch.lists_processes) continue;
    processes_.observe(batch);
    slots_.observe(batch);
    at_work_ = false;
    for (const ProcessReading& p : batch.processes) {
      if (p.role != ProcessRole::runner || !p.cpu_time) continue;
      const auto last = runner_cpu_.find(p.id);
      if (last != runner_cpu_.end() && to_seconds(*p.cpu_time - last->second.second) >=
                                           kBusyRunnerCores * to_seconds(p.at - last->second.first))
        at_work_ = true;
      runner_cpu_[p.id] = {p.at, *p.cpu_time};
    }
  }
}

void VirtualAgent::read_slots(const simulator::VirtualWorld& world, MonotonicTime now) {
  for (const simulator::RunnerSlots& runner : world.slots()) {
    SlotsReading reading;
    reading.runner = runner.runner;
    reading.at = now;
    for (const auto& slot : runner.slots)
      reading.slots.push_back({slot.id, slot.task, slot.processing, slot.decoded});
    slots_.observe(reading);
    analysis_.add(SlotsSeen{reading.runner});
  }
}

void VirtualAgent::step(simulator::VirtualWorld& world, MonotonicTime now,
                        const std::vector<simulator::SeenEvent>& events) {
  if (now < options_.starts) return;
  std::vector<Batch> batches;
  std::optional<ServerState> state;
  if (now >= next_sample_) batches = sample(world, now);
  if (now >= next_poll_) {
    state = world.state(now);
    next_poll_ = now + kPollEvery;
  }
  const double before = thread_cpu_seconds();
  if (options_.sight == Sight::relay) {
    for (const simulator::SeenEvent& seen : events) analysis_.add(seen.event);
  } else if (options_.sight == Sight::all && options_.relayed) {
    for (const simulator::SeenEvent& seen : events) analysis_.add(relayed(seen.event));
  }
  for (const Batch& batch : batches) analysis_.add(batch);
  if (state) {
    processes_.set_servers({state->server});
    processes_.set_state(*state);
    analysis_.add(*state);
  }
  if (now >= next_log_) {
    next_log_ = now + kLogEvery;
    if (ServerLog log = world.log(); options_.sight == Sight::all && options_.log_readable && log != log_) {
      log_ = log;
      analysis_.add(log_);
    }
  }
  witness(batches);
  if (now >= next_slots_) {
    read_slots(world, now);
    next_slots_ = busy_ || at_work_ ? now + kSlotsEvery : MonotonicTime::max();
  }
  analysis_.advance(now);
  if (!analysis_.take_poll_wanted().empty()) next_poll_ = std::min(next_poll_, now + kPollDelay);
  for (const RequestRecord& record : analysis_.take_judged())
    if (options_.on_judged) options_.on_judged(record);
  if (analysis_.snapshot_due(now)) {
    const SnapshotPtr snapshot = analysis_.make_snapshot(now);
    if (options_.on_snapshot) options_.on_snapshot(*snapshot);
  }
  cpu_seconds_ += thread_cpu_seconds() - before;
  if (analysis_.busy() != busy_) {
    busy_ = !busy_;
    schedule_.set_interval(busy_ ? options_.busy_interval : kIdleInterval);
    // More often from now on, or less often after the sample that is due.
    if (busy_) next_sample_ = schedule_.next_instant(now);
  }
  if ((busy_ || at_work_) && options_.sight != Sight::relay && next_slots_ == MonotonicTime::max())
    next_slots_ = now + kPollDelay;
  if (now >= next_check_) {
    balanced_ = balanced_ && analysis_.attribution().ledger().balanced();
    next_check_ = now + kCheckEvery;
  }
}

}  // namespace tegrascope::accuracy
