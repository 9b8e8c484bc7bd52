// What a scenario's changes come to: how runners are set up that start now, and what the board is like. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "simulator/batch.hpp"
#include "simulator/virtual/scenario.hpp"

namespace tegrascope::simulator {

// Fixed when a runner starts.
struct RunnerSetup {
  Placement placement = Placement::gpu;
  double gpu_fraction = 1;               // 0 for cpu, 1 for gpu
  std::optional<double> declared_share;  // a lie of /api/ps
  std::optional<double> logged_share;    // a lie of the log
  bool asked_for_cpu = false;
  double rate = 1;
  std::optional<double> gpu_load;
  std::optional<double> gpu_cores;
  std::optional<Placement> prompt;

  double declared() const { return declared_share.value_or(gpu_fraction); }
  double logged() const { return logged_share.value_or(gpu_fraction); }
  // GPU code is mapped into the runner, even where it decodes on the CPU.
  bool has_gpu_library() const { return placement != Placement::cpu || prompt == Placement::gpu; }
};

struct BoardCondition {
  double gpu_speed = 1;
  double cpu_speed = 1;
  double gpu_hertz = 1.02e9;
  int power_mode = 1;
  bool throttled = false;
  double swap_in_bytes_per_second = 0;
  double stalled_share = 0;
  std::string version = "0.30.0";
};

class VirtualConditions {
 public:
  // With the changes at time 0 applied.
  explicit VirtualConditions(const VirtualScenario& scenario);

  void apply(const ScenarioChange& change);
  const RunnerSetup& setup(const std::string& model) const;
  const BoardCondition& board() const { return board_; }
  // Of a runner with that setup on the board as it is now.
  RunnerSpeed speed(const SimulatedModel& model, const RunnerSetup& setup) const;

 private:
  std::map<std::string, RunnerSetup> setups_;
  BoardCondition board_;
};

}  // namespace tegrascope::simulator
