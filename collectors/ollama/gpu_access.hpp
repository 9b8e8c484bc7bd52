// Looks at Ollama's processes for what keeps them from the GPU, without asking anybody.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/gpu_access.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

// Of these processes, below PROCFS/PID:
//   cgroup      an id of 64 digits, or the name of a container engine: a container. Else mountinfo: / is an overlay
//   root        the container's file system: its /dev, its libcuda.so.1, Ollama's folders of CUDA code, etc/nv_tegra_release.
//               Open to the same user and root. A native serve's is ROOTFS.
//   mountinfo   open to everybody: where `root` is not, a container without a single mount of NVIDIA's was started without
//               the NVIDIA runtime
//   status      user, groups and capabilities, against owner and mode of the device nodes
//   environ     CUDA_VISIBLE_DEVICES, OLLAMA_LLM_LIBRARY, OLLAMA_IGPU_ENABLE, JETSON_JETPACK; the same user and root
//   maps        of a runner: libggml-cuda.so, libcuda.so. The same user and root; else its arguments, which name the
//               build (runners/cpu_avx2) or a way to load that only CUDA takes (--load-mode dio)
// Blocks for file reads only; never throws; call it under read_under_deadline(). A process that has ended is left out.
GpuAccess read_gpu_access(const std::vector<std::int64_t>& serves, const std::vector<ProcessId>& runners,
                          const HostPaths& paths);

}  // namespace tegrascope
