#include "agent/model/words.hpp"

namespace tegrascope {

std::string_view to_string(Placement p) {
  switch (p) {
    case Placement::gpu:
      return "gpu";
    case Placement::partial:
      return "partial";
    case Placement::cpu:
      return "cpu";
    case Placement::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Phase p) {
  switch (p) {
    case Phase::queue:
      return "queue";
    case Phase::load:
      return "load";
    case Phase::prefill:
      return "prefill";
    case Phase::decode:
      return "decode";
    case Phase::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Witness w) {
  switch (w) {
    case Witness::relay:
      return "relay";
    case Witness::capture:
      return "capture";
    case Witness::slots:
      return "slots";
    case Witness::log:
      return "log";
    case Witness::process:
      return "process";
    case Witness::poll:
      return "poll";
  }
  return "poll";
}

std::string_view to_string(Operation o) {
  switch (o) {
    case Operation::chat:
      return "chat";
    case Operation::generate:
      return "generate";
    case Operation::embed:
      return "embed";
    case Operation::other:
      return "other";
  }
  return "other";
}

std::string_view to_string(Outcome o) {
  switch (o) {
    case Outcome::ok:
      return "ok";
    case Outcome::error:
      return "error";
    case Outcome::client_aborted:
      return "client_aborted";
    case Outcome::upstream_aborted:
      return "upstream_aborted";
    case Outcome::incomplete:
      return "incomplete";
  }
  return "incomplete";
}

std::string_view to_string(Unattributed u) {
  switch (u) {
    case Unattributed::idle:
      return "idle";
    case Unattributed::other:
      return "other";
    case Unattributed::bypass:
      return "bypass";
  }
  return "other";
}

std::string_view to_string(BytesSource s) {
  switch (s) {
    case BytesSource::file:
      return "file";
    case BytesSource::parameters:
      return "parameters";
    case BytesSource::experts:
      return "experts";
  }
  return "file";
}

std::string_view to_string(ErrorReason r) {
  switch (r) {
    case ErrorReason::missing:
      return "missing";
    case ErrorReason::permission:
      return "permission";
    case ErrorReason::parse:
      return "parse";
    case ErrorReason::range:
      return "range";
    case ErrorReason::timeout:
      return "timeout";
    case ErrorReason::unavailable:
      return "unavailable";
  }
  return "missing";
}

std::string_view to_string(ReasonClass r) {
  switch (r) {
    case ReasonClass::none:
      return "none";
    case ReasonClass::no_gpu:
      return "no-gpu";
    case ReasonClass::no_gpu_library:
      return "no-gpu-library";
    case ReasonClass::driver_init:
      return "driver-init";
    case ReasonClass::device_permission:
      return "device-permission";
    case ReasonClass::container_lost_gpu:
      return "container-lost-gpu";
    case ReasonClass::backend_missing:
      return "backend-missing";
    case ReasonClass::wrong_cuda_backend:
      return "wrong-cuda-backend";
    case ReasonClass::discovery_failed:
      return "discovery-failed";
    case ReasonClass::vram_too_small:
      return "vram-too-small";
    case ReasonClass::system_memory_too_small:
      return "system-memory-too-small";
    case ReasonClass::oom_alloc:
      return "oom-alloc";
    case ReasonClass::oom_killed:
      return "oom-killed";
    case ReasonClass::runner_crash:
      return "runner-crash";
    case ReasonClass::client_aborted_load:
      return "client-aborted-load";
    case ReasonClass::forced_cpu:
      return "forced-cpu";
  }
  return "none";
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::fallback:
      return "fallback";
    case EventKind::recovery:
      return "recovery";
    case EventKind::load_failed:
      return "load_failed";
    case EventKind::runner_exit:
      return "runner_exit";
    case EventKind::throttle_begin:
      return "throttle_begin";
    case EventKind::throttle_end:
      return "throttle_end";
  }
  return "fallback";
}

}  // namespace tegrascope
