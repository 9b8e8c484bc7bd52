// A closed piece of time with what was measured in it. Its amounts never change; who gets them may have to
// wait until the requests that were open in it have told their phases.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "agent/attribution/sample_curve.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/request.hpp"

namespace tegrascope {

struct Slice {
  MonotonicTime begin{};
  MonotonicTime end{};
  bool energy_known = false;
  bool gpu_known = false;
  // Energy of the slice = idle + ollama + other, all >= 0.
  std::int64_t idle_nj = 0;    // what the board would have drawn idle; 0 while no baseline is known
  std::int64_t ollama_nj = 0;  // above idle, Ollama's share of the activity
  std::int64_t other_nj = 0;   // above idle, everybody else's
  std::int64_t ollama_gpu_ns = 0;
  std::int64_t other_gpu_ns = 0;
  std::vector<std::pair<ProcessId, std::int64_t>> runner_cpu_ns;
  std::vector<RequestId> open;            // requests open in it, ascending
  std::optional<SampleWeights> rests_on;  // the samples behind its energy; absent: unknown, or a guess
  double guess_watts = 0;  // of an energy that is a guess: how wrong it may be, standard deviation
  bool imputed = false;    // it is one
  bool no_prior = false;   // and nothing that was learned stands behind it

  std::int64_t energy_nj() const { return idle_nj + ollama_nj + other_nj; }
  std::int64_t gpu_ns() const { return ollama_gpu_ns + other_gpu_ns; }
};

}  // namespace tegrascope
