#include "simulator/scenario.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace tegrascope::simulator {
namespace {

ClientScript steady_client() { return ClientScript{}; }

Scenario steady(std::string name, std::string description, Placement placement, double gpu_fraction) {
  Scenario scenario;
  scenario.name = std::move(name);
  scenario.description = std::move(description);
  scenario.placement = placement;
  scenario.gpu_fraction = gpu_fraction;
  scenario.clients = steady_client();
  return scenario;
}

Scenario fallback() {
  Scenario scenario =
      steady("fallback", "qwen2.5:7b on the GPU, from 5 s to 20 s on the CPU, then on the GPU again",
             Placement::gpu, 1.0);
  scenario.switches = {{5.0, Placement::cpu, 0.0}, {20.0, Placement::gpu, 1.0}};
  return scenario;
}

// What makes answers slow, or the GPU idle, and is no fallback.
Scenario on_gpu_with(std::string name, std::string description, const Conditions& from_5_s) {
  Scenario scenario = steady(std::move(name), std::move(description), Placement::gpu, 1.0);
  scenario.conditions = {{5.0, from_5_s}};
  return scenario;
}

Scenario throttle() {
  Conditions hot;
  hot.clock_ratio = 0.6;
  hot.too_warm = true;
  return on_gpu_with("throttle", "qwen2.5:7b on the GPU, from 5 s too warm: six tenths of the clocks", hot);
}

Scenario power_mode() {
  Conditions saving;
  saving.clock_ratio = 0.4;
  saving.power_mode = 3;
  return on_gpu_with("power-mode", "qwen2.5:7b on the GPU, from 5 s in power mode 7W", saving);
}

Scenario foreign_gpu() {
  Conditions shared;
  shared.foreign_gpu = 0.5;
  return on_gpu_with("foreign-gpu",
                     "qwen2.5:7b on the GPU, from 5 s beside another program that wants half of it", shared);
}

Scenario embeddings() {
  Scenario scenario = steady("embeddings", "qwen2.5:0.5b on the GPU, embeddings only", Placement::gpu, 1.0);
  scenario.model = "qwen2.5:0.5b";
  scenario.clients->model = scenario.model;
  scenario.clients->only = ClientApi::embed;
  return scenario;
}

Scenario cold_load() {
  Scenario scenario =
      steady("cold-load", "qwen2.5:7b on the GPU, loaded anew for each request", Placement::gpu, 1.0);
  scenario.clients->unload_after = true;
  scenario.load_time = std::chrono::seconds{4};
  return scenario;
}

// Ten runs of a published comparison on an Orin Nano 8 GB, not streamed. The GPU runs took 30 to 50 s; here
// they are shortened to 24 to 40 tokens.
Scenario seed() {
  constexpr std::array<std::pair<double, double>, 5> kCpuRuns{
      // seconds, token/s
      {{4.08, 3.68}, {6.31, 3.80}, {5.02, 3.39}, {9.39, 4.26}, {6.68, 3.89}}};
  constexpr std::array<std::pair<int, double>, 5> kGpuRuns{
      // tokens, token/s
      {{36, 9.31}, {28, 9.48}, {32, 9.72}, {24, 9.23}, {40, 9.13}}};
  Scenario scenario;
  scenario.name = "seed";
  scenario.description =
      "five runs of qwen2.5:7b on the CPU, then five on the GPU, at published rates; then idle";
  scenario.placement = Placement::cpu;
  scenario.gpu_fraction = 0;
  ClientScript script;
  script.pause = std::chrono::milliseconds{400};
  for (const auto& [seconds, rate] : kCpuRuns)
    script.requests.push_back(
        {ClientApi::generate, false, static_cast<int>(std::lround(seconds * rate)), Placement::cpu, rate});
  for (const auto& [tokens, rate] : kGpuRuns)
    script.requests.push_back({ClientApi::generate, false, tokens, Placement::gpu, rate});
  scenario.clients = std::move(script);
  return scenario;
}

Scenario lying() {
  Scenario scenario =
      steady("lying", "qwen2.5:7b on the CPU while /api/ps claims 100 % GPU", Placement::cpu, 0.0);
  scenario.lie = true;
  return scenario;
}

Scenario idle() {
  Scenario scenario;
  scenario.name = "idle";
  scenario.description = "a board without traffic";
  return scenario;
}

// For pictures of a few minutes.
Scenario tour() {
  Scenario scenario = steady(
      "tour",
      "qwen2.5:7b on the GPU, from 60 s on the CPU, from 100 s partly on the GPU, from 130 s on the GPU",
      Placement::gpu, 1.0);
  scenario.switches = {
      {60.0, Placement::cpu, 0.0}, {100.0, Placement::partial, 0.6}, {130.0, Placement::gpu, 1.0}};
  return scenario;
}

const std::vector<Scenario>& all_scenarios() {
  static const std::vector<Scenario> kScenarios{
      fallback(),
      seed(),
      steady("gpu", "qwen2.5:7b on the GPU", Placement::gpu, 1.0),
      steady("cpu", "qwen2.5:7b on the CPU, and Ollama says so", Placement::cpu, 0.0),
      steady("partial", "qwen2.5:7b with six tenths of its layers on the GPU", Placement::partial, 0.6),
      lying(),
      throttle(),
      power_mode(),
      foreign_gpu(),
      embeddings(),
      cold_load(),
      tour(),
      idle()};
  return kScenarios;
}

// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : all_scenarios()) names.push_back(scenario.name);
  return names;
}

std::optional<Scenario> find_scenario(std::string_view name) {
  for (const Scenario& scenario : all_scenarios())
    if (scenario.name == name) return scenario;
  return std::nullopt;
}

std::vector<std::string> nearest_scenarios(std::string_view name) {
  std::vector<std::string> names = scenario_names();
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return distance(a, name) < distance(b, name);
  });
  names.resize(std::min<std::size_t>(names.size(), 3));
  return names;
}

}  // namespace tegrascope::simulator
