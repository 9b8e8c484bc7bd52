// What /proc tells of the way from Ollama's processes to the GPU. An absent value could not be told, as of another
// user's process without root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

// Of one `ollama serve`. What it may open, its runners may.
struct ServeAccess {
  std::int64_t serve_pid = 0;
  bool container = false;    // it runs in a container
  std::string container_id;  // first twelve digits; empty: not told
  std::optional<std::string>
      devices_missing;  // device nodes that a GPU needs and it has not; "" when it has them
  std::optional<std::string> devices_denied;  // those that its user may not open; "" when there are none
  std::optional<bool> driver_library;         // the driver's libcuda.so.1 is in its file system
  std::optional<std::vector<std::string>>
      backends;                           // Ollama's folders with CUDA code: cuda_v12, cuda_jetpack6
  std::optional<bool> jetpack_told;       // it can tell its JetPack: etc/nv_tegra_release, or JETSON_JETPACK
  std::optional<std::string> forced_cpu;  // the variable that keeps it from the GPU, with its value; "": none

  friend bool operator==(const ServeAccess&, const ServeAccess&) = default;
};

// Of one runner, once its model is loaded.
struct RunnerAccess {
  ProcessId id;
  std::optional<bool> cuda_mapped;  // CUDA code of llama.cpp, or the driver's library, is in its memory map
  std::string backend;              // folder of that code: cuda_v12, cuda_jetpack6; empty: not told

  friend bool operator==(const RunnerAccess&, const RunnerAccess&) = default;
};

// Complete: what is not listed is gone.
struct GpuAccess {
  std::vector<ServeAccess> serves;
  std::vector<RunnerAccess> runners;

  friend bool operator==(const GpuAccess&, const GpuAccess&) = default;
};

}  // namespace tegrascope
