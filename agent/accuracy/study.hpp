// Runs the analysis on a simulated world and sets its answers beside the truth. The truth comes from the
// simulator's closed form alone; the analysis sees what it would see on a board: sensor readings, request
// events, polls. Virtual time, one thread, reproducible: the same scenario, seed and options give the same
// answers to the bit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/attribution/attribution.hpp"
#include "agent/model/request.hpp"
#include "simulator/virtual/scenario.hpp"
#include "simulator/virtual/truth.hpp"

namespace tegrascope::accuracy {

struct StudyOptions {
  std::uint64_t seed = 1;
  std::optional<double> rate_hz;         // absent: the scenario's
  std::optional<int> averaging_samples;  // absent: the scenario's
  AttributionOptions attribution;        // `cores` is set to the board's
  bool tell_averaging = true;            // false: the analysis does not learn that the power monitor averages
};

struct Answer {
  simulator::VirtualRequest truth;
  std::optional<RequestRecord> record;  // absent: the analysis never gave one
  bool faulted = false;                 // a sensor was at fault in its time
};

struct StudyResult {
  double rate_hz = 0;  // while a request was in flight
  std::vector<Answer> answers;
  bool conserved =
      false;  // measured = attributed + unattributed + pending at every minute and at the end, and
              // the requests' amounts add up to the accounts'
  bool truth_adds_up = false;  // the simulator's own books
  double true_joules = 0;      // of the board, from start to end
  double measured_joules = 0;
  double true_idle_watts = 0;  // at the end
  std::optional<double> idle_watts;
  double simulated_seconds = 0;
  double analysis_cpu_seconds = 0;  // CPU time inside the analysis: the one figure that is not reproducible
};

StudyResult run_study(simulator::VirtualScenario scenario, const StudyOptions& options);

}  // namespace tegrascope::accuracy
