// Scenarios of the simulation, as data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"
#include "simulator/clients.hpp"
#include "simulator/physics.hpp"

namespace tegrascope::simulator {

// From this time on the model's runner runs there; a running request ends first.
struct PlacementSwitch {
  double at_seconds = 0;  // after begin()
  Placement placement = Placement::gpu;
  double gpu_fraction = 1;  // for partial
};

// From this time on they hold.
struct ConditionChange {
  double at_seconds = 0;  // after begin()
  Conditions conditions;
};

struct Scenario {
  std::string name;
  std::string description;  // one line
  std::string model = "qwen2.5:7b";
  Placement placement = Placement::gpu;  // at the start
  double gpu_fraction = 1;
  bool lie = false;                         // /api/ps claims 100 % GPU all the time
  std::vector<PlacementSwitch> switches;    // in order of time
  std::vector<ConditionChange> conditions;  // in order of time
  std::optional<Nanoseconds> load_time;     // at most so long; absent: the engine's own limit
  std::optional<ClientScript> clients;      // nullopt: no traffic
};

std::vector<std::string> scenario_names();
std::optional<Scenario> find_scenario(std::string_view name);

// The known names nearest to a mistyped one, nearest first, at most three.
std::vector<std::string> nearest_scenarios(std::string_view name);

}  // namespace tegrascope::simulator
