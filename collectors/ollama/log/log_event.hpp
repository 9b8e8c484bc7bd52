// What one line of an Ollama server's log says. Pure vocabulary; any thread. No prompt, no answer, no free
// text of a line ever enters these types; texts are names that Ollama itself prints, at most kMaxLogText
// bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

inline constexpr std::size_t kMaxLogText = 128;

// The server began to listen, or printed its configuration: what was known of an earlier one is void.
struct LogServer {
  std::string version;  // empty before 0.1.9, and for the configuration
};

// "inference compute": a device that models can run on; library "cpu" when there is no GPU.
struct LogCompute {
  std::string id;
  std::string library;  // lower case: cuda, rocm, metal, vulkan, cpu
  std::string variant;
  std::string name;  // "Orin"; from 0.12 on "CUDA0", with the product in description
  std::string description;
  std::string compute;
  std::string driver;
  std::string type;  // from 0.12 on: iGPU, discrete
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> available_bytes;
};

// The builds of the engine that this installation carries (to 0.5.7).
struct LogRunners {
  std::vector<std::string> variants;
};

// A device that a runner's CUDA or ROCm found: "Device 0: Orin, compute capability 8.7".
struct LogDevice {
  std::int64_t index = 0;
  std::string name;
  std::string compute;
};

// What the runner says it is made of.
struct LogBackend {
  std::string library;    // lower case: cuda, cpu, ...
  bool complete = false;  // the line lists all of the runner's devices, so that no GPU in it is no GPU
};

// How many layers Ollama means to put on a GPU, before the load. Not a result.
struct LogPlan {
  std::string library;                    // lower case; "gpu" where the version does not tell; empty unknown
  std::optional<std::int64_t> requested;  // num_gpu; -1 left to Ollama
  std::optional<std::int64_t> layers;
  std::optional<std::int64_t> layers_total;
};

// A runner is started for a model.
struct LogLoadStarted {
  std::string variant;  // build of the engine, from the runner's path: cuda_v12, cpu_avx2; empty unknown
  std::optional<std::int64_t> gpu_layers;  // as asked of the runner; 0 keeps it off the GPU
  bool fallback = false;                   // another runner of the same load, after one failed
};

// Layers that Ollama's own engine is told to put on GPUs, in one of its attempts.
struct LogLayout {
  std::string
      operation;  // fit, alloc, commit; only the last is the result. Empty: a plan printed for debugging
  std::int64_t layers = 0;
};

// "offloaded N/M layers to GPU", the engine's own result; M is the model's layers and one for the output.
struct LogOffload {
  std::int64_t layers = 0;
  std::int64_t layers_total = 0;
};

// Layers of a fit that are partly left to the CPU although they count as offloaded (from 0.30 on).
struct LogOverflow {
  std::int64_t layers = 0;
};

struct LogBuffer {
  std::string kind;    // model, kv, compute, output, rs
  std::string device;  // CUDA0, CPU, CPU_Mapped, CUDA_Host, ...
  std::uint64_t bytes = 0;
};

// A load is complete.
struct LogLoad {
  double seconds = 0;
  std::vector<std::string> devices;  // GPUs on which this load's buffers lie, in the order of the text
};

struct LogLoadFailed {
  ReasonClass reason = ReasonClass::none;
};

// A model is loaded, or was until now, without more to say of it.
struct LogModelPresent {};

// Something went wrong on the way.
struct LogTrouble {
  enum class Kind : std::uint8_t {
    device,  // no GPU can be had, for this reason
    memory,  // memory was not enough; the load may go on with less
    fatal    // the process dies of it
  };
  Kind kind = Kind::device;
  ReasonClass reason = ReasonClass::none;
  friend bool operator==(const LogTrouble&, const LogTrouble&) = default;
};

struct LogAbort {
  enum class What : std::uint8_t { completion, embedding, load };
  What what = What::completion;
};

// An access line of the HTTP server, written when the request ends.
struct LogRequest {
  std::string method;
  std::string path;  // without the query
  int status = 0;
  std::optional<Nanoseconds> duration;  // in whole seconds above a minute
  std::string client;                   // for `tegrascope decode` only; the agent drops it
  std::string end;                      // local time of the server, "2024-09-13T09:19:05"; empty when masked
};

// News of a slot of the llama.cpp server: timings, progress.
struct LogSlot {
  std::optional<std::int64_t> slot;
  std::optional<std::int64_t> task;
  std::string state;                          // started, prefill, decode, released; empty for timings
  std::optional<std::int64_t> prompt_tokens;  // without cached ones in timings, with them in progress
  std::optional<double> prompt_seconds;
  std::optional<std::int64_t> output_tokens;
  std::optional<double> output_seconds;
  std::optional<double> total_seconds;
  std::optional<double> progress_ratio;
  std::optional<double> tokens_per_second;
};

using LogEvent = std::variant<LogServer, LogCompute, LogRunners, LogDevice, LogBackend, LogPlan,
                              LogLoadStarted, LogLayout, LogOffload, LogOverflow, LogBuffer, LogLoad,
                              LogLoadFailed, LogModelPresent, LogTrouble, LogAbort, LogRequest, LogSlot>;

}  // namespace tegrascope
