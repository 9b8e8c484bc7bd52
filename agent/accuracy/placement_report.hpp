// The matrix of placement scenarios: every file of a folder, over many seeds, as a table for people.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "agent/accuracy/placement_study.hpp"

namespace tegrascope::accuracy {

struct PlacementRow {
  int row = 0;
  std::string title;
  Sight sight = Sight::all;
  int seeds = 0;
  int passed = 0;
  std::map<std::string, int> misses;  // what did not hold -> runs
  std::vector<int> detect_requests;   // of every fallback that had to be noticed
  std::vector<double> detect_seconds;
  int at_load = 0;
  int never = 0;  // fallbacks that the gauge never told
  // (truth, verdict) -> eligible requests; verdict `none`: the agent made no record.
  std::map<std::pair<std::string, std::string>, int> confusion;
  std::vector<std::string> examples;  // of verdicts in runs that missed something
  int false_alarms = 0;
  double simulated_hours = 0;
};

struct PlacementScenario {
  std::filesystem::path file;
  simulator::VirtualScenario scenario;
};

// The *.jsonc files of a folder that say what they expect, in the order of their names.
std::vector<PlacementScenario> read_placement_scenarios(const std::filesystem::path& folder);

PlacementRow run_row(const simulator::VirtualScenario& scenario, Sight sight, int seeds);

std::string to_text(const std::vector<PlacementRow>& rows);

}  // namespace tegrascope::accuracy
