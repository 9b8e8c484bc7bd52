// The ledger that knows: who drew which energy, in closed form, exact to the femtojoule. It never sees a
// sensor and never asks the agent.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/model/request.hpp"
#include "simulator/virtual/power_history.hpp"
#include "simulator/virtual/scenario.hpp"

namespace tegrascope::simulator {

struct PhaseTruth {
  Nanoseconds time{};
  Femtojoules above_idle = 0;  // of a shared batch: the Shapley share
  Femtojoules idle = 0;        // share of the idle energy while it worked, by the same weights
  double gpu_busy_seconds = 0;
  double cpu_seconds = 0;  // of the runner
};

struct VirtualRequest {
  RequestId id = 0;
  std::string model;
  Api api = Api::chat;
  bool streamed = false;
  bool cancelled = false;
  bool loaded = false;  // a runner was started for it
  bool failed = false;  // its runner or Ollama went before its end
  // Of the runner that decoded it.
  Placement placement = Placement::unknown;
  double gpu_fraction = 0;
  bool asked_for_cpu = false;
  ProcessId runner;
  MonotonicTime decode_began{};
  std::int64_t prompt_tokens = 0;
  std::int64_t evaluated_tokens = 0;  // of the prompt, the rest was cached
  std::int64_t output_tokens = 0;
  MonotonicTime received{};
  MonotonicTime ended{};
  Nanoseconds load_duration{};  // as the final object gives them
  Nanoseconds prompt_eval_duration{};
  Nanoseconds eval_duration{};
  std::map<Phase, PhaseTruth> phases;  // load, prefill, decode; only its own work
  Nanoseconds shared{};                // of its working time, with others in the same time
  int most_at_once = 0;                // requests that worked in the same time, itself included
  double solo_joules = 0;              // above idle, had it been alone

  Femtojoules above_idle() const {
    Femtojoules sum = 0;
    for (const auto& [phase, truth] : phases) sum += truth.above_idle;
    return sum;
  }
  Femtojoules idle() const {
    Femtojoules sum = 0;
    for (const auto& [phase, truth] : phases) sum += truth.idle;
    return sum;
  }
};

struct VirtualTruth {
  std::vector<VirtualRequest> requests;  // in the order they ended
  Femtojoules board = 0;                 // everything the module drew
  Femtojoules idle_unused = 0;           // idle power while no request worked
  Femtojoules foreign = 0;
  Femtojoules open = 0;  // of requests that had not ended
  double gpu_busy_seconds = 0;
  double idle_watts = 0;  // now

  // board = idle_unused + foreign + what requests drew, exactly.
  bool adds_up() const {
    Femtojoules sum = idle_unused + foreign + open;
    for (const VirtualRequest& r : requests) sum += r.above_idle() + r.idle();
    return sum == board;
  }
};

}  // namespace tegrascope::simulator
