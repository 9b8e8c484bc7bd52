// What a runner's work costs the simulated board: pure functions, the noise-free truth.
#pragma once

#include <cstdint>

#include "agent/model/words.hpp"
#include "simulator/models.hpp"

namespace tegrascope::simulator {

// What a runner does.
enum class RunnerWork : std::uint8_t { idle, load, prefill, decode };

struct PowerDraw {
  double vdd_in = 0;          // watts; the whole module, the two others are part of it
  double vdd_cpu_gpu_cv = 0;  // watts
  double vdd_soc = 0;         // watts
};

// What else bears on the board, beside its runner's work.
struct Conditions {
  double clock_ratio = 1;  // of the clocks in the board's usual power mode
  bool too_warm = false;   // the air is hot: cooling holds the clocks down
  int power_mode = 1;      // of /etc/nvpmodel.conf: 1 is 25W, 3 is 7W
  double foreign_gpu = 0;  // share of the GPU's time that another program wants
};

// Constant as long as the work does not change.
struct BoardLoad {
  double gpu = 0;           // share of time the GPU is busy, 0-1
  double runner_cores = 0;  // CPU seconds per second of the runner
  PowerDraw power;
};

// `gpu_fraction` counts for Placement::partial only.
BoardLoad board_load(RunnerWork work, const SimulatedModel& model, Placement placement, double gpu_fraction);

// Nothing in flight.
BoardLoad idle_load();

// The runner's load as it is under these conditions. Power above idle goes with the square of the clocks.
BoardLoad under(const BoardLoad& runner, const Conditions& conditions);
// Factor of the runner's rates under them; another program's GPU work does not slow the CPU.
double speed_under(const Conditions& conditions, Placement placement);

// Share of decode time that the GPU part of a partly offloaded model takes: g / (g + (1 - g) r), where r is
// the ratio of the GPU's to the CPU's speed.
double gpu_time_share(const SimulatedModel& model, double gpu_fraction);

}  // namespace tegrascope::simulator
