// The models that the simulated Ollama has, with the speed and power the simulated board gives them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/words.hpp"

namespace tegrascope::simulator {

struct SimulatedModel {
  std::string name;  // with tag, as /api/tags spells it
  std::string family;
  std::string parameter_size;
  std::string quantization;
  std::uint64_t weights_bytes = 0;  // size of the GGUF layer
  std::uint64_t working_bytes =
      0;           // context and compute buffers beside the weights, for 4096 tokens of context
  int layers = 0;  // that can be offloaded, the output layer included
  double gpu_tokens_per_second = 0;  // decode, as Ollama reports it: eval_count / eval_duration
  double cpu_tokens_per_second = 0;  // same
  double gpu_prompt_tokens_per_second = 0;
  double cpu_prompt_tokens_per_second = 0;
  double gpu_decode_watts = 0;  // on VDD_CPU_GPU_CV
};

// The table. Sources are named beside each row.
const std::vector<SimulatedModel>& simulated_models();

// By name as a client writes it ("mistral" means "mistral:latest"); null when the table has no such model.
const SimulatedModel* find_model(std::string_view name);

// Manifest digest (as /api/ps and /api/tags show it) and digest of the GGUF layer (as the runner's --model
// shows it): 64 hex digits, made up, different from each other as on a real server.
std::string manifest_digest(const SimulatedModel& model);
std::string blob_digest(const SimulatedModel& model);

// Tokens per second of decode and of prompt evaluation. `gpu_fraction` is the share of the layers on the GPU
// and counts for Placement::partial only: a decoded token's time is then the sum of both parts' times.
double decode_rate(const SimulatedModel& model, Placement placement, double gpu_fraction);
double prompt_rate(const SimulatedModel& model, Placement placement, double gpu_fraction);

}  // namespace tegrascope::simulator
