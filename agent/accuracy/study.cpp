#include "agent/accuracy/study.hpp"

#include <ctime>
#include <map>

#include "agent/analysis/analysis.hpp"
#include "collectors/slot_schedule.hpp"
#include "simulator/board.hpp"
#include "simulator/virtual/world.hpp"

namespace tegrascope::accuracy {
namespace {

constexpr Nanoseconds kIdleInterval = std::chrono::seconds{1};
constexpr Nanoseconds kPollEvery = std::chrono::seconds{5};
constexpr Nanoseconds kPollDelay = std::chrono::milliseconds{50};
constexpr Nanoseconds kCheckEvery = std::chrono::minutes{1};
constexpr Nanoseconds kSettle =
    std::chrono::seconds{30};  // after the last answer, so that everything is booked

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

bool faulted(const simulator::VirtualScenario& scenario, const simulator::VirtualRequest& request) {
  const double begin = to_seconds(request.received.time_since_epoch());
  const double end = to_seconds(request.ended.time_since_epoch());
  for (const simulator::SensorFault& fault : scenario.faults)
    if (fault.at_seconds < end && fault.at_seconds + fault.for_seconds > begin) return true;
  return false;
}

// The agent's side: what app/service.cpp does with the threads' messages, on one line of time.
class Agent {
 public:
  Agent(const AnalysisOptions& options, Nanoseconds busy_interval, bool tell_averaging, std::uint64_t seed)
      : analysis_(options),
        tell_averaging_(tell_averaging),
        busy_interval_(busy_interval),
        schedule_(kIdleInterval, seed ^ 0x8EBC6AF09C88C6E3ULL),
        slow_(std::chrono::seconds{1}) {
    next_sample_ = schedule_.next_instant(MonotonicTime{});
  }

  MonotonicTime next_time() const { return std::min(next_sample_, next_poll_); }

  void step(simulator::VirtualWorld& world, MonotonicTime now,
            const std::vector<simulator::SeenEvent>& events) {
    std::vector<Batch> batches;
    std::optional<ServerState> state;
    if (now >= next_sample_) {
      batches = world.sample(now, slow_.due(schedule_.sampled(now)).due);
      for (Batch& batch : batches)
        if (!tell_averaging_)
          std::erase_if(batch.readings,
                        [](const Reading& r) { return r.signal == Signal::board_averaging_seconds; });
      next_sample_ = schedule_.next_instant(now);
    }
    if (now >= next_poll_) {
      state = world.state(now);
      next_poll_ = now + kPollEvery;
    }
    const double before = thread_cpu_seconds();
    for (const simulator::SeenEvent& seen : events) analysis_.add(seen.event);
    for (const Batch& batch : batches) analysis_.add(batch);
    if (state) analysis_.add(*state);
    analysis_.advance(now);
    if (!analysis_.take_poll_wanted().empty()) next_poll_ = std::min(next_poll_, now + kPollDelay);
    analysis_.take_judged();
    if (analysis_.snapshot_due(now)) analysis_.make_snapshot(now);
    cpu_seconds_ += thread_cpu_seconds() - before;
    if (analysis_.busy() != busy_) {
      busy_ = !busy_;
      schedule_.set_interval(busy_ ? busy_interval_ : kIdleInterval);
      // More often from now on, or less often after the sample that is due.
      if (busy_) next_sample_ = schedule_.next_instant(now);
    }
    if (now >= next_check_) {
      balanced_ = balanced_ && analysis_.attribution().ledger().balanced();
      next_check_ = now + kCheckEvery;
    }
  }

  const Analysis& analysis() const { return analysis_; }
  bool balanced() const { return balanced_ && analysis_.attribution().ledger().balanced(); }
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  Analysis analysis_;
  bool tell_averaging_;
  Nanoseconds busy_interval_;
  SlotSchedule schedule_;
  PeriodSchedule slow_;
  MonotonicTime next_sample_{};
  MonotonicTime next_poll_{};
  MonotonicTime next_check_{};
  bool busy_ = false;
  bool balanced_ = true;
  double cpu_seconds_ = 0;
};

// The requests' amounts are those of the models' accounts, to the nanojoule.
bool accounts_match(const Ledger& ledger, const std::map<RequestId, RequestRecord>& records) {
  std::map<Phase, Amounts> accounts;
  std::map<Phase, Amounts> requests;
  for (const auto& [model, phases] : ledger.accounts())
    for (const auto& [phase, amounts] : phases) accounts[phase] += amounts;
  for (const auto& [id, record] : records)
    for (const auto& [phase, amounts] : record.phase_amounts) requests[phase] += amounts;
  return accounts == requests;
}

}  // namespace

StudyResult run_study(simulator::VirtualScenario scenario, const StudyOptions& options) {
  if (options.rate_hz) scenario.rate_hz = *options.rate_hz;
  if (options.averaging_samples) scenario.averaging_samples = *options.averaging_samples;

  std::map<RequestId, RequestRecord> records;
  AnalysisOptions analysis;
  analysis.attribution = options.attribution;
  analysis.attribution.cores = simulator::kBoardCores;
  analysis.gpu_present = true;
  analysis.on_booked = [&](const RequestRecord& record) { records[record.id] = record; };

  simulator::VirtualWorld world(scenario, options.seed);
  Agent agent(analysis, from_seconds(1.0 / scenario.rate_hz), options.tell_averaging, options.seed);
  const MonotonicTime last_arrival{from_seconds(scenario.duration_seconds)};
  MonotonicTime now{};
  std::optional<MonotonicTime> over_at;
  while (!over_at || now < *over_at + kSettle) {
    now = std::min(world.next_time(), agent.next_time());
    const auto events = world.advance(now);
    agent.step(world, now, events);
    if (!over_at && world.over() && (now >= last_arrival || !scenario.traffic.empty())) over_at = now;
  }

  StudyResult result;
  const Attribution& attribution = agent.analysis().attribution();
  result.rate_hz = scenario.rate_hz;
  const simulator::VirtualTruth& truth = world.truth();
  for (const simulator::VirtualRequest& request : truth.requests) {
    const auto record = records.find(request.id);
    result.answers.push_back({request, record == records.end() ? std::nullopt : std::optional(record->second),
                              faulted(scenario, request)});
  }
  result.conserved = agent.balanced() && accounts_match(attribution.ledger(), records);
  result.truth_adds_up = truth.adds_up();
  result.true_joules = static_cast<double>(simulator::to_nanojoules(truth.board)) * 1e-9;
  result.measured_joules = static_cast<double>(attribution.ledger().totals().measured_energy_nj) * 1e-9;
  result.true_idle_watts = truth.idle_watts;
  result.idle_watts = attribution.idle_watts();
  result.simulated_seconds = to_seconds(now.time_since_epoch());
  result.analysis_cpu_seconds = agent.cpu_seconds();
  return result;
}

}  // namespace tegrascope::accuracy
