// What one pass of a runner over its batch costs when several requests are in it, and each one's fair part of
// it. Pure functions, the noise-free truth.
//
// A decode pass reads the weights once for all requests: with b of them it takes t (6/7 + b/7) where t is the
// time of one alone, a fourfold rate at b = 8 (vLLM on an AGX Orin: 28.1 to 112.3 token/s). Its power grows by
// 3 % per further request. A prompt that is being evaluated adds its chunk's time to the pass.
#pragma once

#include <functional>
#include <vector>

#include "simulator/physics.hpp"

namespace tegrascope::simulator {

// One request in the batch.
struct BatchMember {
  bool decodes = false;     // else its prompt is evaluated
  double own_cost = 1.0;    // decode: cost of its own context relative to the usual one
  double chunk_tokens = 0;  // prompt: tokens in one pass
};

struct BatchPass {
  double seconds = 0;          // length of one pass: each decoder gets one token, each prompt its chunk
  double watts = 0;            // mean above idle, whole module
  double gpu = 0;              // mean share of time the GPU is busy
  double runner_cores = 0;     // mean
  std::vector<double> shares;  // of the pass's energy above idle: exact Shapley values, adding up to 1
};

struct RunnerSpeed {
  double tokens_per_second = 0;         // of a decode alone
  double prompt_tokens_per_second = 0;  // of a prompt alone
  BoardLoad decode;
  BoardLoad prefill;
};

RunnerSpeed runner_speed(const SimulatedModel& model, Placement placement, double gpu_fraction);

// `members` not empty, at most 12 of them decoding.
BatchPass batch_pass(const RunnerSpeed& speed, const std::vector<BatchMember>& members);

// Shapley values of the game with `players` players: the mean over all orders of arrival of what each adds.
// `cost` takes a bit set of players; cost(0) is 0. At most 12 players.
std::vector<double> shapley_values(int players, const std::function<double(unsigned)>& cost);

}  // namespace tegrascope::simulator
