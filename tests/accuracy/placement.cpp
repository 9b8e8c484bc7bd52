// Prints the matrix of placement scenarios, simulated. Exit code 1 when a row is missed.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "agent/accuracy/placement_report.hpp"

int main(int argc, char** argv) {
  using namespace tegrascope::accuracy;
  int seeds = 20;
  int day_seeds = 100;
  int only = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&](const char* name) {
      return std::atoi(argument.substr(std::string(name).size()).c_str());
    };
    if (argument.rfind("--seeds=", 0) == 0) {
      seeds = value("--seeds=");
    } else if (argument.rfind("--day-seeds=", 0) == 0) {
      day_seeds = value("--day-seeds=");
    } else if (argument.rfind("--row=", 0) == 0) {
      only = value("--row=");
    } else if (argument == "--short") {
      seeds = 3;
      day_seeds = 1;
    } else {
      std::cerr << "placement: unknown argument " << argument
                << "; known are --seeds=N, --day-seeds=N, --row=N and --short\n";
      return 2;
    }
  }
  const std::filesystem::path folder =
      std::filesystem::path(TEGRASCOPE_SOURCE_DIR) / "simulator/scenarios/placement";
  std::vector<PlacementRow> rows;
  for (const auto& [file, scenario] : read_placement_scenarios(folder)) {
    if (only != 0 && scenario.expect->row != only) continue;
    const bool day = scenario.duration_seconds >= 86400;
    for (const Sight sight : {Sight::unprivileged, Sight::all}) {
      rows.push_back(run_row(scenario, sight, day ? day_seeds : seeds));
      std::cerr << '.' << std::flush;
    }
  }
  std::cerr << '\n';
  std::cout << to_text(rows);
  return std::all_of(rows.begin(), rows.end(), [](const PlacementRow& r) { return r.passed == r.seeds; }) ? 0
                                                                                                          : 1;
}
