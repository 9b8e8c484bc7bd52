// Finds why a model is not on the GPU: from what the server's log claims, what /proc tells of its processes, and the
// board. Pure; any thread.
#pragma once

#include <optional>

#include "agent/model/fallback.hpp"
#include "agent/model/gpu_access.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/server_log.hpp"
#include "agent/placement/cures.hpp"

namespace tegrascope {

struct FallbackFacts {
  Placement observed = Placement::cpu;  // by the judge
  bool load_failed = false;             // the model could not be loaded: why that is asked, not where it ran
  bool cpu_requested = false;           // num_gpu 0 by the client, -ngl 0 at the runner
  std::optional<double> declared_gpu_share;  // of the model, by /api/ps
  std::optional<ServerLog> log;
  std::optional<ServeAccess> serve;
  std::optional<RunnerAccess> runner;
  std::optional<BoardIdentity> board;
  std::optional<bool> gpu_present;  // absent: not known
  bool name_container = false;      // the cure names it: not for labels
};

// Oldest GPU that Ollama computes on.
inline constexpr double kLeastComputeCapability = 5.0;

// Of a Tegra's own GPU ("tegra234": 8.7); absent for what is not in the table.
std::optional<double> compute_capability_of(const std::string& soc);

// What asks for the CPU comes first; then the log's reason where it is about such a placement. A log that names no
// reason or only that no GPU was found ("no-gpu") is made precise by /proc and the board: no device nodes, no rights to
// them, no driver library, CUDA code for other machines. Reason `none` when nothing tells; the cure then is
// `tegrascope doctor`. Everything empty for a model on the GPU.
Fallback find_fallback(const FallbackFacts& facts);

}  // namespace tegrascope
