// What is known about where a model's decode ran.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/model/time.hpp"

namespace tegrascope {

struct Evidence {
  // Physical, over the decode window (E1 and E2 of the method).
  Nanoseconds decode_window{};
  std::int64_t output_tokens = 0;        // 0: unknown (only a busy runner was seen)
  std::optional<double> gpu_load_ratio;  // absent: no sensor, or no sample in the window
  int gpu_samples = 0;
  std::optional<double> runner_cores;  // absent: the runner's CPU time could not be read
  int runner_threads = 1;              // threads the runner computes with; the number of cores when not told
  // Structural: the machine has a GPU that Ollama could use. Absent: not known.
  std::optional<bool> gpu_present;
  // Declared by /api/ps (E4): size_vram / size.
  std::optional<double> declared_gpu_share;
  // The client asked for the CPU (options.num_gpu 0, -ngl 0).
  bool cpu_requested = false;
};

}  // namespace tegrascope
