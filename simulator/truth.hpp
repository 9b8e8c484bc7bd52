// What really happened, for tests and reports to compare the agent with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"

namespace tegrascope::simulator {

// A request that the simulated Ollama took up and ended.
struct RequestTruth {
  std::string model;
  std::string endpoint;
  Placement placement = Placement::unknown;  // where it really ran
  std::int64_t runner_pid = 0;
  bool finished = false;  // false: the client left
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
  MonotonicTime received{};
  MonotonicTime prefill_began{};
  MonotonicTime decode_began{};
  MonotonicTime ended{};
  Nanoseconds load_duration{};         // as in the final object
  Nanoseconds prompt_eval_duration{};  // same
  Nanoseconds eval_duration{};         // same
  bool loaded = false;                 // a runner was started for it
  // Tokens per second as Ollama reports them; 0 when nothing was decoded.
  double decode_rate() const {
    return eval_duration.count() > 0 ? static_cast<double>(output_tokens) / to_seconds(eval_duration) : 0.0;
  }
};

struct SimulationTruth {
  std::vector<RequestTruth> requests;  // in the order they ended
  double vdd_in_joules = 0;            // since start(), noise-free
  double gpu_busy_seconds = 0;         // since start()
};

}  // namespace tegrascope::simulator
