// Runs a scenario of the placement matrix through the whole analysis on simulated sensors and holds the gauge, the
// verdicts and the counted fallbacks against the truth and against what the scenario's author expects. The truth is
// the simulator's; nothing here asks the judge what it meant.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/accuracy/virtual_agent.hpp"

namespace tegrascope::accuracy {

// Eligible: a decode of at least 1 s and 16 tokens is long enough to judge; of at least 3.8 s where the witness begins
// to look up to 2.8 s late.
struct JudgedRequest {
  simulator::VirtualRequest truth;
  std::optional<RequestRecord> record;  // that the agent made of it
  bool eligible = false;
};

// The gauge of one model from a time on.
struct GaugeChange {
  MonotonicTime at{};
  std::string model;
  std::optional<Placement> placement;
};

// A model came to the CPU, partly there, or back to the GPU.
struct Episode {
  std::string model;
  Placement placement = Placement::unknown;  // the truth
  bool expected = false;                     // the CPU was asked for
  bool back = false;                         // the gauge had said something else before
  std::optional<int> requests;               // eligible ones until the gauge said so; absent: it never did
  double decode_seconds = 0;                 // of all requests of the episode until then
  bool at_load = false;                      // before the first of them had ended
};

struct PlacementRun {
  std::vector<JudgedRequest> requests;
  std::vector<GaugeChange> gauge;
  std::vector<Episode> episodes;
  std::uint64_t fallbacks = 0;       // that the agent counted
  int false_alarms = 0;              // the gauge went to cpu or partial where the model was wholly on the GPU
  std::vector<std::string> flags;    // of any verdict
  std::vector<std::string> reasons;  // of any record
  std::set<std::string> any_verdicts;
  double simulated_seconds = 0;
};

PlacementRun run_placement(const simulator::VirtualScenario& scenario, Sight sight, std::uint64_t seed);

// What of the expectation does not hold; empty: all does.
std::vector<std::string> misses(const PlacementRun& run, const simulator::Expectation& expected);

}  // namespace tegrascope::accuracy
