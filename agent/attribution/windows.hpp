// Cuts a request's time into its phases (attribution method 2.2). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/request.hpp"

namespace tegrascope {

struct PhaseWindow {
  Phase phase{};
  MonotonicTime begin{};
  MonotonicTime end{};
};

// What a witness saw of one request.
struct ObservedRequest {
  Witness witness{};
  Operation operation = Operation::other;
  bool streamed = false;
  Outcome outcome = Outcome::ok;
  MonotonicTime started{};
  MonotonicTime ended{};
  std::optional<MonotonicTime> first_content;
  std::optional<FinalCounts> counts;
  // Its runner was started then; absent: not known. What Ollama calls load before it is waiting for memory.
  std::optional<MonotonicTime> load_began;
  bool load_of_another = false;  // the runner was started for another request: all its load is waiting
};

struct RequestWindows {
  std::vector<PhaseWindow>
      windows;  // consecutive, from started to ended, none empty; their lengths add up exactly
  std::vector<std::string> reasons;  // clock_mismatch, no_durations, incomplete, load_not_split
};

// With durations D (eval), P (prompt_eval), L (load) of the final object and z the end:
//   decode = [z-D, z], prefill = [z-D-P, z-D], load = [r0, r0+L], queue = what is left between load and
//   prefill.
// Ollama's load duration starts with the request and holds the wait until another model is evicted: queue up to the
// start of the runner, load from there, and for requests that wait for a load of another's all queue. Without the
// runner's start all of it is load, with the reason `load_not_split`. Less than 300 ms is a model that was there already.
// Without: prefill up to the first content, decode after it; not streamed: unknown throughout.
RequestWindows cut_windows(const ObservedRequest& request);

}  // namespace tegrascope
