#include "agent/placement/reasons.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace tegrascope {
namespace {

using enum ReasonClass;

struct Finding {
  ReasonClass reason = none;
  std::string why;
};

std::string_view describe(ReasonClass reason) {
  switch (reason) {
    case none:
      return "";
    case no_gpu:
      return "Ollama found no GPU";
    case no_gpu_library:
      return "Ollama found no driver library";
    case driver_init:
      return "the GPU driver does not initialise";
    case device_permission:
      return "the device nodes of the GPU are closed to Ollama's user";
    case container_lost_gpu:
      return "the container has lost its right to the GPU";
    case backend_missing:
      return "this Ollama has no CUDA code that it can load";
    case wrong_cuda_backend:
      return "Ollama's CUDA code is for another driver or another GPU";
    case discovery_failed:
      return "Ollama's search for GPUs failed";
    case vram_too_small:
      return "the model does not fit into the free memory";
    case system_memory_too_small:
      return "the model needs more memory than the machine has free";
    case oom_alloc:
      return "an allocation of GPU memory failed";
    case oom_killed:
      return "the kernel killed the runner for memory";
    case runner_crash:
      return "the runner crashed";
    case client_aborted_load:
      return "the client left before the model was loaded";
    case forced_cpu:
      return "the CPU was asked for";
  }
  return "";
}

// Told of one load or one runner, whatever GPU there is.
bool is_of_memory_or_end(ReasonClass reason) {
  constexpr std::array kThose{vram_too_small, system_memory_too_small, oom_alloc, oom_killed,
                              runner_crash,   client_aborted_load};
  return std::find(kThose.begin(), kThose.end(), reason) != kThose.end();
}

// A log that says no more leaves room for what /proc tells.
bool is_vague(ReasonClass reason) { return reason == none || reason == no_gpu; }

Finding asked_for(const FallbackFacts& f) {
  if (f.cpu_requested) return {forced_cpu, "the CPU was asked for (num_gpu 0)"};
  if (f.serve && f.serve->forced_cpu && !f.serve->forced_cpu->empty())
    return {forced_cpu, *f.serve->forced_cpu + " keeps Ollama from the GPU"};
  return {};
}

Finding told_by_log(const FallbackFacts& f) {
  if (!f.log || f.log->reason == none) return {};
  const ReasonClass reason = f.log->reason;
  // The log's last load was another model's.
  if (!f.load_failed && f.observed == Placement::partial && reason != vram_too_small && reason != oom_alloc)
    return {};
  return {reason, std::string(describe(reason)) + " (its log)"};
}

Finding told_by_board(const FallbackFacts& f) {
  if (f.gpu_present == false) return {no_gpu, "this machine has no NVIDIA GPU"};
  const auto capability = f.board ? compute_capability_of(f.board->soc) : std::nullopt;
  if (capability && *capability < kLeastComputeCapability)
    return {no_gpu, "the GPU is older than Ollama supports (compute capability 5.0)"};
  return {};
}

bool starts_with_any(const std::vector<std::string>& names, std::string_view prefix) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return n.starts_with(prefix); });
}

int l4t_major(const FallbackFacts& f) {
  return f.board && f.board->jetson ? cure_place(*f.board).l4t_major : 0;
}

// The folder that Ollama's builds for this JetPack have their CUDA code in; empty: the same as on other machines.
std::string jetpack_backend(int l4t_major) {
  if (l4t_major == 34 || l4t_major == 35) return "cuda_jetpack5";
  return l4t_major == 36 ? "cuda_jetpack6" : "";
}

Finding told_by_backends(const ServeAccess& serve, int l4t_major) {
  if (l4t_major == 32) return {wrong_cuda_backend, "no Ollama is built for JetPack 4 (CUDA 10.2)"};
  if (!serve.backends) return {};
  if (serve.backends->empty()) return {backend_missing, "this Ollama comes without CUDA code"};
  const std::string wanted = jetpack_backend(l4t_major);
  if (wanted.empty()) return {};
  if (!starts_with_any(*serve.backends, wanted))
    return {wrong_cuda_backend,
            "this Ollama has CUDA code for other machines only, none for this JetPack (" + wanted + ")"};
  if (serve.jetpack_told == false)
    return {wrong_cuda_backend,
            "Ollama cannot tell the JetPack in its container and leaves " + wanted + " aside"};
  return {};
}

Finding told_by_processes(const FallbackFacts& f) {
  if (!f.serve) return {};
  const ServeAccess& s = *f.serve;
  if (s.devices_missing && !s.devices_missing->empty())
    return {no_gpu,
            std::string(s.container ? "its container has no " : "this machine has no ") + *s.devices_missing};
  if (s.devices_denied && !s.devices_denied->empty())
    return {device_permission, "Ollama's user may not open " + *s.devices_denied};
  if (s.driver_library == false)
    return {no_gpu_library, s.container ? "the driver's libcuda.so.1 is not in its container"
                                        : "the driver's libcuda.so.1 is not installed"};
  return told_by_backends(s, l4t_major(f));
}

Finding told_by_share(const FallbackFacts& f) {
  if (f.load_failed || f.observed != Placement::partial || !f.declared_gpu_share) return {};
  if (*f.declared_gpu_share <= 0 || *f.declared_gpu_share >= 1) return {};
  return {vram_too_small, "Ollama put a part of the model on the GPU only, as it does when memory is short"};
}

Finding told_by_runner(const FallbackFacts& f) {
  if (f.runner && f.runner->cuda_mapped == false) return {none, "the runner has no CUDA code in its memory"};
  return {};
}

Finding find(const FallbackFacts& f) {
  const Finding log = told_by_log(f);
  if (f.load_failed && is_of_memory_or_end(log.reason)) return log;
  if (Finding asked = asked_for(f); asked.reason != none) return asked;
  if (is_of_memory_or_end(log.reason)) return log;
  if (Finding board = told_by_board(f); board.reason != none) return board;
  if (!is_vague(log.reason)) return log;
  // A part of it runs on the GPU: nothing is missing.
  if (f.observed == Placement::partial && !f.load_failed) return told_by_share(f);
  if (Finding processes = told_by_processes(f); processes.reason != none) return processes;
  return log.reason != none ? log : told_by_runner(f);
}

}  // namespace

std::optional<double> compute_capability_of(const std::string& soc) {
  struct Row {
    std::string_view soc;
    double capability;
  };
  // NVIDIA's table of CUDA GPUs; Thor by CUDA 13's numbering.
  constexpr std::array kTable{Row{"tegra124", 3.2}, Row{"tegra132", 3.2}, Row{"tegra210", 5.3},
                              Row{"tegra186", 6.2}, Row{"tegra194", 7.2}, Row{"tegra234", 8.7},
                              Row{"tegra264", 11.0}};
  for (const Row& row : kTable)
    if (row.soc == soc) return row.capability;
  return std::nullopt;
}

Fallback find_fallback(const FallbackFacts& f) {
  if (!f.load_failed && f.observed != Placement::cpu && f.observed != Placement::partial) return {};
  Finding finding = find(f);
  CurePlace place = f.board ? cure_place(*f.board) : CurePlace{};
  place.gpu_present = f.gpu_present.value_or(true) && told_by_board(f).reason == none;
  if (f.serve) {
    place.container = f.serve->container;
    if (f.name_container) place.container_id = f.serve->container_id;
    place.devices_missing = f.serve->devices_missing && !f.serve->devices_missing->empty();
    const std::string wanted = jetpack_backend(place.l4t_major);
    place.stock_image = f.serve->container && f.serve->backends && !wanted.empty() &&
                        starts_with_any(*f.serve->backends, wanted);
  }
  Fallback fallback;
  fallback.reason = finding.reason;
  fallback.why = std::move(finding.why);
  fallback.cure = cure_for(finding.reason, place);
  return fallback;
}

}  // namespace tegrascope
