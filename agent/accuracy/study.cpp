#include "agent/accuracy/study.hpp"

#include <map>

#include "agent/accuracy/virtual_agent.hpp"
#include "simulator/board.hpp"

namespace tegrascope::accuracy {
namespace {

constexpr Nanoseconds kSettle =
    std::chrono::seconds{30};  // after the last answer, so that everything is booked

bool faulted(const simulator::VirtualScenario& scenario, const simulator::VirtualRequest& request) {
  const double begin = to_seconds(request.received.time_since_epoch());
  const double end = to_seconds(request.ended.time_since_epoch());
  for (const simulator::SensorFault& fault : scenario.faults)
    if (fault.at_seconds < end && fault.at_seconds + fault.for_seconds > begin) return true;
  return false;
}

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
  VirtualAgentOptions agent_options;
  agent_options.analysis = analysis;
  agent_options.busy_interval = from_seconds(1.0 / scenario.rate_hz);
  agent_options.tell_averaging = options.tell_averaging;
  agent_options.seed = options.seed;
  VirtualAgent agent(agent_options);
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
