#include "simulator/models.hpp"

#include <fmt/format.h>

namespace tegrascope::simulator {
namespace {

std::string hex_digest(std::string_view text) {
  std::uint64_t state = 1469598103934665603ULL;
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string digest;
  for (int word = 0; word < 4; ++word) {
    state += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    digest += fmt::format("{:016x}", mixed ^ (mixed >> 31));
  }
  return digest;
}

}  // namespace

const std::vector<SimulatedModel>& simulated_models() {
  // Rows of reference_tokens_per_second.csv, Orin Nano 8 GB with Ollama:
  // - qwen2.5:7b: medians 9.31 (GPU) and 3.80 (CPU) token/s, no power given; watts chosen so that VDD_IN is
  // 13 W.
  // - the 25 W rows of smolhub.com (Yuvraj Singh, CC BY 4.0): rate, and watts on VDD_CPU_GPU_CV.
  // - llama3.2:3b: "about 30" at 25 W (second hand); watts between its neighbours.
  // The CPU rates below 7B are 0.45 of the GPU rate, between 0.41 (7B) and 0.47 (SmolLM-135M, yzma).
  // Prompt rates: the Orin rows run from 30 token/s (7B, short prompts) to 430 (3B) and 1,200 (1B); CPU a
  // tenth.
  static const std::vector<SimulatedModel> kModels{
      {"qwen2.5:7b", "qwen2", "7.6B", "Q4_K_M", 4683073184, 620000000, 29, 9.31, 3.80, 180, 55, 7.6},
      {"qwen2.5:0.5b", "qwen2", "494.03M", "Q4_K_M", 397807936, 330000000, 25, 55.6, 25.0, 1400, 140, 6.21},
      {"llama3.2:1b", "llama", "1.2B", "Q8_0", 1321082688, 410000000, 17, 44.8, 20.2, 1000, 100, 8.33},
      {"llama3.2:3b", "llama", "3.2B", "Q4_K_M", 2019377376, 640000000, 29, 30.0, 12.9, 430, 60, 7.9},
      {"gemma3:1b", "gemma3", "999.89M", "Q4_K_M", 815310432, 420000000, 27, 34.9, 15.7, 1000, 100, 6.61},
      {"smollm2:135m", "llama", "134.52M", "F16", 270898672, 190000000, 31, 120.6, 54.0, 3000, 300, 5.67},
  };
  return kModels;
}

const SimulatedModel* find_model(std::string_view name) {
  std::string wanted(name);
  if (wanted.find(':') == std::string::npos) wanted += ":latest";
  for (const SimulatedModel& model : simulated_models())
    if (model.name == wanted) return &model;
  return nullptr;
}

std::string manifest_digest(const SimulatedModel& model) { return hex_digest("manifest " + model.name); }

std::string blob_digest(const SimulatedModel& model) { return hex_digest("blob " + model.name); }

double decode_rate(const SimulatedModel& model, Placement placement, double gpu_fraction) {
  if (placement == Placement::gpu) return model.gpu_tokens_per_second;
  if (placement == Placement::cpu) return model.cpu_tokens_per_second;
  return 1.0 /
         (gpu_fraction / model.gpu_tokens_per_second + (1.0 - gpu_fraction) / model.cpu_tokens_per_second);
}

double prompt_rate(const SimulatedModel& model, Placement placement, double gpu_fraction) {
  if (placement == Placement::cpu) return model.cpu_prompt_tokens_per_second;
  // A batch of a prompt runs on the GPU for every layer; the CPU's layers are copied there for each batch.
  if (placement == Placement::partial) return model.gpu_prompt_tokens_per_second * (0.5 + 0.5 * gpu_fraction);
  return model.gpu_prompt_tokens_per_second;
}

}  // namespace tegrascope::simulator
