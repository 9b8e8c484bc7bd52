#include <algorithm>
#include <stdexcept>
#include <string>

#include "agent/model/histogram.hpp"
#include "exporters/prometheus/catalogue.hpp"

namespace tegrascope {
namespace {

// Rows of one family before those of all.
constexpr LabelInfo in(Family family, std::string_view label, std::size_t bound, std::string_view values) {
  return {label, bound, values, family, true};
}
constexpr LabelInfo any(std::string_view label, std::size_t bound, std::string_view values) {
  return {label, bound, values, Family{}, false};
}

// clang-format off
constexpr std::array kLabels{
  in(Family::sample_errors_total, "reason", 5, "missing, permission, parse, range, timeout"),
  in(Family::throttled_seconds_total, "reason", 2, "thermal, overcurrent"),
  in(Family::model_load_failures_total, "reason", 16, "reason classes of the log decoder"),
  in(Family::runner_exits_total, "reason", 2, "killed, crashed"),
  in(Family::model_fallback_info, "reason", 1, "a reason class; none: not known"),
  in(Family::cpu_fallback_events_total, "reason", 16, "reason classes of the log decoder; none: not known"),
  in(Family::unattributed_energy_joules_total, "reason", 3, "idle, other, bypass"),
  in(Family::unattributed_gpu_seconds_total, "reason", 3, "idle, other, bypass"),
  in(Family::relay_refused_requests_total, "reason", 4, "framing, host, guard, slow_head"),
  in(Family::relay_closed_connections_total, "reason", 2, "limit, evicted"),
  in(Family::observation_errors_total, "reason", 8, "json, oversize, encoding, usage_missing, gap, unended and the like"),
  in(Family::memory_bytes, "kind", 5, "gpu, anon, cache, kernel, free"),
  in(Family::memory_stalled_seconds_total, "kind", 2, "some, full"),
  in(Family::swap_total_bytes, "kind", 2, "zram, disk"),
  in(Family::swap_used_bytes, "kind", 2, "zram, disk"),
  in(Family::cpu_seconds_total, "mode", 10, "user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice"),
  in(Family::nvpmodel_info, "mode", 1, "number of the power mode in force"),
  in(Family::requests_in_flight, "phase", 3, "waiting, generating, opaque"),
  in(Family::board_power_source_info, "method", 1, "input_rail or rail_sum"),
  in(Family::throttle_events_total, "source", 4, "oc1, oc2, oc3, thermal"),
  in(Family::cooling_device_state, "type", 1, "kind of the device, as the kernel names it"),
  in(Family::cooling_device_max_state, "type", 1, "kind of the device, as the kernel names it"),
  in(Family::tokens_total, "type", 2, "input, output"),
  in(Family::events_total, "kind", 6, "fallback, recovery, load_failed, runner_exit, throttle_begin, throttle_end"),
  in(Family::incidents_total, "result", 2, "written, failed"),
  in(Family::webhook_deliveries_total, "result", 3, "delivered, failed, dropped"),

  any("server", 4, "host:port of Ollama, as in --ollama.url"),
  any("model", 18, "names that Ollama knows, 16 at most; other; unknown"),
  any("placement", 4, "gpu, partial, cpu, unknown"),
  any("phase", 5, "queue, load, prefill, decode, unknown"),
  any("endpoint", 24, "route templates of Ollama's API; other"),
  any("code", 12, "HTTP status; 499: the client left"),
  any("models", 2, "resident, unloaded"),
  any("quality", 4, "A, B, C, D"),
  any("cure", 1, "the line to type"),
  any("by", 3, "client, upstream, timeout"),
  any("operation", 4, "chat, generate, embed, other"),
  any("witness", 2, "exact, none"),
  any("direction", 2, "in, out"),
  any("label", 1, "model"),
  any("collector", 17, "names of the collectors; see README.md"),
  any("cpu", 16, "number of the core"),
  any("gpu", 8, "gpu, or the number of a card; busiest"),
  any("engine", 16, "video and accelerator engines, as the kernel names them"),
  any("rail", 16, "rails, as the board names them"),
  any("zone", 24, "thermal zones, as the board names them"),
  any("trip", 2, "throttle, shutdown"),
  any("device", 32, "number of the cooling device"),
  any("fan", 4, "number of the fan"),
  any("version", 1, "as the program tells it"),
  any("revision", 1, "commit of the build"),
  any("module", 1, "of the board"),
  any("soc", 1, "of the board"),
  any("l4t", 1, "of the board"),
  any("jetpack", 1, "of the board"),
  any("kernel", 1, "of the board"),
  any("name", 1, "of the power mode"),
  any("family", 1, "of the model, as Ollama tells it"),
  any("parameter_size", 1, "of the model, as Ollama tells it"),
  any("quantization", 1, "of the model, as Ollama tells it"),
};
constexpr std::array<std::string_view, 13> kUnits{
  "bytes_per_second", "seconds", "bytes", "joules", "watts", "volts", "amperes", "celsius", "hertz", "ratio", "rpm",
  "tokens", "joules_per_output_token"};
// clang-format on

}  // namespace

std::string_view unit(const FamilyInfo& family) {
  std::string_view name = family.name;
  constexpr std::string_view total = "_total";
  if (name.ends_with(total)) name.remove_suffix(total.size());
  std::string_view longest;
  for (const std::string_view candidate : kUnits) {
    if (name.ends_with(candidate) && candidate.size() > longest.size() &&
        name[name.size() - candidate.size() - 1] == '_')
      longest = candidate;
  }
  return longest;
}

std::span<const double> buckets(Family family) {
  switch (family) {
    case Family::request_duration_seconds:
      return kRequestDurationEdges;
    case Family::time_to_first_token_seconds:
      return kFirstTokenEdges;
    case Family::inter_token_latency_seconds:
      return kInterTokenEdges;
    case Family::request_joules_per_output_token:
      return kJoulesPerTokenEdges;
    default:
      return {};
  }
}

const LabelInfo& label_info(Family family, std::string_view label) {
  const auto row = std::find_if(kLabels.begin(), kLabels.end(), [&](const LabelInfo& l) {
    return l.label == label && (!l.of_one || l.only == family);
  });
  if (row == kLabels.end())
    throw std::logic_error("label " + std::string(label) + " has no row in exporters/prometheus/labels.cpp");
  return *row;
}

}  // namespace tegrascope
