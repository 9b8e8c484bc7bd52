// The one table of words that code, metrics, rules and documentation share. Each to_string() returns the
// spelling used in label values and JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tegrascope {

// Where a model's decode ran, judged from evidence (agent/placement/), never from a declaration alone.
enum class Placement : std::uint8_t { gpu, partial, cpu, unknown };
inline constexpr std::array kPlacements{Placement::gpu, Placement::partial, Placement::cpu,
                                        Placement::unknown};

// How well the joules of a request are known, best first (RequestRecord::quality).
inline constexpr std::array kQualities{'A', 'B', 'C', 'D'};

// Phases of a request. `unknown` is time of a request whose phases no witness can tell (a runner's busy
// spell).
enum class Phase : std::uint8_t { queue, load, prefill, decode, unknown };
inline constexpr std::array kPhases{Phase::queue, Phase::load, Phase::prefill, Phase::decode, Phase::unknown};

// How a request was seen, strongest first. The order is the precedence when several saw the same request.
enum class Witness : std::uint8_t { relay, capture, slots, log, process, poll };

// What kind of work a request is; the `operation` label.
enum class Operation : std::uint8_t { chat, generate, embed, other };

// How a request ended.
enum class Outcome : std::uint8_t {
  ok,                // the server finished its answer
  error,             // a status of 400 or more, or an error object inside the stream
  client_aborted,    // the client left before the last byte
  upstream_aborted,  // the server cut the answer
  incomplete         // the witness lost sight of it (agent or server restarted)
};

// Why joules or GPU seconds belong to no request; the `reason` label of the unattributed families.
enum class Unattributed : std::uint8_t { idle, other, bypass };
inline constexpr std::array kUnattributed{Unattributed::idle, Unattributed::other, Unattributed::bypass};

// What the bytes that a decoded token reads were worked out from.
enum class BytesSource : std::uint8_t {
  file,        // size of the model's file
  parameters,  // number of parameters times what its quantization takes for each
  experts      // as one of them, of a mixture of experts: a range, not a figure
};

// Why a sensor gives no value; the `reason` label of tegrascope_sample_errors_total, but for `unavailable`: the
// sensor says itself that it has no value now, as one of a powered-off block does. That is no error and is
// counted by tegrascope_sensors_unavailable.
enum class ErrorReason : std::uint8_t { missing, permission, parse, range, timeout, unavailable };
inline constexpr std::array kErrorReasons{ErrorReason::missing, ErrorReason::permission, ErrorReason::parse,
                                          ErrorReason::range, ErrorReason::timeout};

// Why a model is not, or not wholly, on the GPU, or why its load failed, as a server's log tells it.
enum class ReasonClass : std::uint8_t {
  none,                     // no cause told, or one outside this list
  no_gpu,                   // no GPU was found
  no_gpu_library,           // the driver's library was not found
  driver_init,              // the driver is there and does not initialise
  device_permission,        // the user may not open the device nodes
  container_lost_gpu,       // the container's right to the GPU was withdrawn while it ran
  backend_missing,          // a GPU, and no GPU code of Ollama's for it
  wrong_cuda_backend,       // CUDA code built for another driver or another GPU
  discovery_failed,         // the process that looks for GPUs died or hung
  vram_too_small,           // too little GPU memory for all layers
  system_memory_too_small,  // too little memory for the model at all
  oom_alloc,                // an allocation failed
  oom_killed,               // the kernel killed the runner for memory
  runner_crash,             // the runner died of anything else
  client_aborted_load,      // the client left before the model was loaded
  forced_cpu                // asked for: num_gpu 0, a CPU library, no visible device
};
inline constexpr std::array kReasonClasses{ReasonClass::none,
                                           ReasonClass::no_gpu,
                                           ReasonClass::no_gpu_library,
                                           ReasonClass::driver_init,
                                           ReasonClass::device_permission,
                                           ReasonClass::container_lost_gpu,
                                           ReasonClass::backend_missing,
                                           ReasonClass::wrong_cuda_backend,
                                           ReasonClass::discovery_failed,
                                           ReasonClass::vram_too_small,
                                           ReasonClass::system_memory_too_small,
                                           ReasonClass::oom_alloc,
                                           ReasonClass::oom_killed,
                                           ReasonClass::runner_crash,
                                           ReasonClass::client_aborted_load,
                                           ReasonClass::forced_cpu};

// What is told to people as it happens (agent/model/event.hpp).
enum class EventKind : std::uint8_t {
  fallback,        // a model that ran on the GPU, or was to, runs on the CPU or partly there
  recovery,        // it is back on the GPU
  load_failed,     // a model could not be loaded
  runner_exit,     // a model's engine died while it was needed: crashed, or killed for memory
  throttle_begin,  // the board began to hold clocks down
  throttle_end     // and stopped
};
inline constexpr std::array kEventKinds{EventKind::fallback,       EventKind::recovery,
                                        EventKind::load_failed,    EventKind::runner_exit,
                                        EventKind::throttle_begin, EventKind::throttle_end};

std::string_view to_string(Placement);
std::string_view to_string(Phase);
std::string_view to_string(Witness);
std::string_view to_string(Operation);
std::string_view to_string(Outcome);
std::string_view to_string(Unattributed);
std::string_view to_string(BytesSource);
std::string_view to_string(ErrorReason);
std::string_view to_string(ReasonClass);
std::string_view to_string(EventKind);

}  // namespace tegrascope
