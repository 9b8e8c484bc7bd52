// What is known about where a model's decode ran.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/model/time.hpp"

namespace tegrascope {

// Why the GPU load tells nothing about this decode.
enum class LoadDoubt : std::uint8_t {
  none,
  foreign,  // the GPU was busy while no runner worked: somebody else uses it
  stuck,    // it showed one value whatever ran
  shared    // another runner worked in the same time
};

struct Evidence {
  // Physical, over the decode window (E1 and E2 of the method).
  Nanoseconds decode_window{};
  bool phases_known = true;  // false: a busy runner; the window may hold prompt evaluation
  // The runner evaluated another request's prompt in most of the window: what worked may have worked for that.
  bool beside_prompt = false;
  std::int64_t output_tokens = 0;        // 0: unknown (only a busy runner was seen)
  std::optional<double> gpu_load_ratio;  // absent: no sensor, or no sample in the window
  int gpu_samples = 0;
  LoadDoubt load_doubt = LoadDoubt::none;
  std::optional<double> runner_cores;  // absent: the runner's CPU time could not be read
  int runner_threads = 1;              // threads the runner computes with; the number of cores when not told
  // Rate of decode relative to the median of the model's own requests on the GPU under the same conditions (E3);
  // joules per token more than three median deviations from them (E8). Absent: too few of them.
  std::optional<double> rate_ratio;
  std::optional<bool> joules_unusual;
  // Structural: the machine has a GPU that Ollama could use. Absent: not known.
  std::optional<bool> gpu_present;
  std::optional<bool> gpu_library;      // GPU code is mapped into the runner (E6)
  std::optional<bool> gpu_memory_held;  // the driver lists the runner with memory on the GPU (E7)
  // Declared by /api/ps (E4): size_vram / size.
  std::optional<double> declared_gpu_share;
  // Declared by the server's log for the last load (E5); both or none.
  std::optional<std::int64_t> logged_layers_offloaded;
  std::optional<std::int64_t> logged_layers_total;
  // The client asked for the CPU (options.num_gpu 0, -ngl 0).
  bool cpu_requested = false;

  // Circumstances, named beside the verdict. Any but mode_changed makes the rate tell nothing.
  bool throttled = false;     // clocks were held down
  bool mode_changed = false;  // another power mode than at the model's last request
  bool contended = false;     // others used the CPU or the GPU
  bool swapping = false;      // memory came back from swap, or tasks waited for it
};

}  // namespace tegrascope
