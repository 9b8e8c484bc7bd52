#include "collectors/ollama/log/log_wordings.hpp"

#include <algorithm>
#include <array>

#include "collectors/ollama/log/log_text.hpp"

namespace tegrascope {
namespace {

using Kind = LogTrouble::Kind;
using enum ReasonClass;

// ---- CUDA's own errors, by number and by text

ReasonClass cuda_reason(std::int64_t code, ReasonClass otherwise) {
  switch (code) {
    case 2:  // out of memory
      return oom_alloc;
    case 3:    // initialization error
    case 46:   // devices busy or unavailable
    case 304:  // OS call failed
    case 801:  // not supported: on a Jetson, a driver of another L4T
    case 802:  // system not ready
    case 803:  // driver and library differ
    case 804:  // forward compatibility on hardware without it
    case 999:  // unknown
      return driver_init;
    case 35:   // driver older than the runtime
    case 209:  // no kernel image for this GPU
    case 222:  // PTX of a newer toolchain
      return wrong_cuda_backend;
    case 38:  // no device (CUDA 9 and before)
    case 100:
      return no_gpu;
    case 800:  // not permitted: the container's device rights are gone
      return container_lost_gpu;
    default:
      return otherwise;
  }
}

struct CudaText {
  std::string_view text;
  std::int64_t code;
};

constexpr std::array kCudaTexts{
    CudaText{"out of memory", 2},
    CudaText{"initialization error", 3},
    CudaText{"driver version is insufficient", 35},
    CudaText{"busy or unavailable", 46},
    CudaText{"no CUDA-capable device", 100},
    CudaText{"no kernel image", 209},
    CudaText{"unsupported toolchain", 222},
    CudaText{"OS call failed", 304},
    CudaText{"operation not permitted", 800},
    CudaText{"operation not supported", 801},
    CudaText{"system not yet initialized", 802},
    CudaText{"unsupported display driver", 803},
    CudaText{"forward compatibility was attempted", 804},
    CudaText{"unknown error", 999},
};

ReasonClass cuda_reason(std::string_view text, ReasonClass otherwise) {
  for (const CudaText& known : kCudaTexts) {
    if (text.find(known.text) != std::string_view::npos) return cuda_reason(known.code, otherwise);
  }
  return otherwise;
}

// NVML's codes differ: 9 driver not loaded, 12 library not found, 18 library and driver differ; 999 is what
// a container gets whose device rights were withdrawn.
ReasonClass nvml_reason(std::int64_t code) {
  if (code == 12) return no_gpu_library;
  return code == 999 ? container_lost_gpu : driver_init;
}

LogTrouble fatal(ReasonClass reason) { return {reason == oom_alloc ? Kind::memory : Kind::fatal, reason}; }

std::optional<LogTrouble> coded_trouble(std::string_view text) {
  // "failed to get device context N" and "failed to get primary device context N"
  for (const std::string_view mark :
       {"cudaSetDevice err: ", "cudart init failure: ", "cuInit err: ", "cuInit failed: ",
        "nvcuda init failure: ", "cuda driver library init failure: ", "device context ",
        "device memory info lookup failure "}) {
    if (const auto code = integer_after(text, mark)) {
      return LogTrouble{Kind::device, *code == 0 ? none : cuda_reason(*code, driver_init)};
    }
  }
  if (const auto code = integer_after(text, "nvml vram init failure: ")) {
    return LogTrouble{Kind::device, nvml_reason(*code)};
  }
  constexpr std::string_view kInit = "failed to initialize CUDA";
  if (const std::size_t at = text.find(kInit); at != std::string_view::npos) {
    return LogTrouble{Kind::device, cuda_reason(text.substr(at + kInit.size()), driver_init)};
  }
  if (const auto code = integer_after(text, "CUDA error ")) return fatal(cuda_reason(*code, runner_crash));
  for (const std::string_view mark : {"CUDA error", "ROCm error"}) {
    const std::size_t at = text.find(mark);
    if (at != std::string_view::npos) return fatal(cuda_reason(text.substr(at), runner_crash));
  }
  return std::nullopt;
}

// ---- fixed wordings; of those that a text holds, the first in this order counts

struct Wording {
  std::string_view text;
  LogTrouble trouble;
};

constexpr Wording device(std::string_view text, ReasonClass reason) { return {text, {Kind::device, reason}}; }
constexpr Wording memory(std::string_view text, ReasonClass reason) { return {text, {Kind::memory, reason}}; }
constexpr Wording fatal(std::string_view text, ReasonClass reason) { return {text, {Kind::fatal, reason}}; }

constexpr std::array kWordings{
    fatal("signal: killed", oom_killed),
    fatal("killed by the OOM killer", oom_killed),
    fatal("Failed with result 'oom-kill'", oom_killed),
    fatal("oom_reaper: reaped process", oom_killed),
    memory("model request too large for system", system_memory_too_small),
    memory("requires more system memory", system_memory_too_small),
    memory("model is too large for system memory", system_memory_too_small),

    device("NvRmMemInitNvmap failed with Permission denied", device_permission),
    device("permission problems block access", device_permission),
    device("permissions not set up properly", device_permission),
    device("nvmap: Permission denied", device_permission),
    device("/dev/nvmap", device_permission),
    device("/dev/nvhost", device_permission),
    device("/dev/nvgpu", device_permission),
    device("/dev/kfd", device_permission),
    device("/dev/dri", device_permission),

    memory("cudaMalloc failed", oom_alloc),
    memory("hipMalloc failed", oom_alloc),
    memory("CUBLAS_STATUS_ALLOC_FAILED", oom_alloc),
    memory("failed to allocate memory for model", oom_alloc),
    memory("failed to commit memory for model", oom_alloc),
    memory("memory layout cannot be allocated", oom_alloc),
    memory("reported out-of-memory", oom_alloc),
    memory("unable to allocate ", oom_alloc),
    memory("failed to allocate ", oom_alloc),
    memory("buffer allocation failed", oom_alloc),
    memory("insufficient memory (attempted", oom_alloc),
    memory("runtime OOM detected", oom_alloc),
    memory("ErrorOutOfDeviceMemory", oom_alloc),

    memory("insufficient VRAM to load any model layers", vram_too_small),
    memory("gpu has too little memory to allocate any layers", vram_too_small),
    memory("not enough vram available", vram_too_small),
    memory("not enough VRAM available", vram_too_small),
    memory("less than 2 GB VRAM available", vram_too_small),
    memory("unable to load full model on GPU", vram_too_small),

    device("Failed to initialize NVML: Unknown Error", container_lost_gpu),
    device("version mismatch between driver and cuda driver library", driver_init),
    device("unknown error initializing cuda driver library", driver_init),
    device("driver is too old", wrong_cuda_backend),
    device("NVIDIA driver too old", wrong_cuda_backend),
    device("nvidia driver is too old or missing", wrong_cuda_backend),
    device("compute capability not in compiled architectures", wrong_cuda_backend),
    device("CUDA GPU is too old", wrong_cuda_backend),
    device("jetpack not detected", wrong_cuda_backend),
    device("Unsupported JetPack version detected", wrong_cuda_backend),
    device("unsupported L4T version", wrong_cuda_backend),
    device("CUBLAS_STATUS_ARCH_MISMATCH", wrong_cuda_backend),

    device("failure during GPU discovery", discovery_failed),
    device("failure during llama-server GPU discovery", discovery_failed),
    device("GPU discovery watchdog timed out", discovery_failed),
    device("discovery: timed out waiting for server startup", discovery_failed),
    device("unable to start discovery subprocess", discovery_failed),
    device("dropping integrated GPU", no_gpu),

    device("Discovered GPU libraries: []", no_gpu_library),
    device("libcuda.so.1: cannot open shared object", no_gpu_library),
    device("unable to locate gpu dependency libraries", no_gpu_library),

    device("Not compiled with GPU offload support", backend_missing),
    device("compiled without GPU support", backend_missing),
    device("expected dynamic library payloads not included", backend_missing),
    device("Failed to load dynamic library", backend_missing),
    device("Unable to load dynamic library", backend_missing),
    device("unable to load any llama server", backend_missing),
    device("libggml-cuda.so: cannot open shared object", backend_missing),
    device("llama-server binary not found", backend_missing),

    device("no compatible GPUs were discovered", no_gpu),
    device("no GPU detected", no_gpu),
    device("GPU not available, falling back to CPU", no_gpu),
    device("nvidia-smi command failed", no_gpu),
    device("GPU support may not enabled", no_gpu),
    device("no nvidia devices detected", no_gpu),
    device("disabling GPU support", no_gpu),
    device("GPU inference disabled", no_gpu),

    fatal("GGML_ASSERT", runner_crash),
    fatal("CUBLAS_STATUS_", runner_crash),
    fatal("panic: ", runner_crash),
    fatal("fatal error", runner_crash),
    fatal("SIGSEGV", runner_crash),
    fatal("SIGABRT", runner_crash),
    fatal("SIGILL", runner_crash),
    fatal("SIGBUS", runner_crash),
    fatal("signal arrived during cgo execution", runner_crash),
    fatal("terminate called after throwing", runner_crash),
    fatal("process no longer running", runner_crash),
    fatal("model runner has unexpectedly stopped", runner_crash),
};

bool has_permission_denied(std::string_view text) {
  return text.find("ermission denied") != std::string_view::npos;
}

}  // namespace

std::optional<LogTrouble> find_trouble(std::string_view text) {
  for (const Wording& wording : kWordings) {
    if (text.find(wording.text) == std::string_view::npos) continue;
    // A device node is named in many lines; only a refused one says something.
    if (wording.text.starts_with("/dev/") && !has_permission_denied(text)) continue;
    if (wording.trouble.kind != Kind::memory) {
      // Numbers tell more than the words around them.
      if (const auto coded = coded_trouble(text)) return coded;
    }
    return wording.trouble;
  }
  // NvMap's 12 is ENOMEM.
  if (text.find("NvMapMem") != std::string_view::npos && text.find("error 12") != std::string_view::npos) {
    return LogTrouble{Kind::memory, oom_alloc};
  }
  const auto coded = coded_trouble(text);
  return coded && coded->reason != none ? coded : std::nullopt;
}

ReasonClass failure_reason(std::string_view error) {
  if (error.find("context canceled") != std::string_view::npos) return client_aborted_load;
  if (const auto trouble = find_trouble(error)) return trouble->reason;
  for (const std::string_view death : {"exit status ", "signal: ", "terminated", "stopped", "EOF"}) {
    if (error.find(death) != std::string_view::npos) return runner_crash;
  }
  return none;
}

}  // namespace tegrascope
