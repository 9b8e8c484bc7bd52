// The one table of what the agent exports: names, types, units, help, label names with their bounds, buckets.
// Code, docs/metrics.md, dashboards and rules take their names from here.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace tegrascope {

enum class MetricKind { counter, gauge, histogram };

// In the order of the table and of the exposition.
enum class Family : std::size_t {
  build_info,
  board_info,
  collector_up,
  samples_total,
  sample_errors_total,
  sensors_unavailable,
  sample_gaps_total,
  sample_duration_seconds_total,
  boot_time_seconds,
  nvpmodel_mode,
  nvpmodel_info,
  clocks_locked,
  cpu_seconds_total,
  cpu_online,
  cpu_frequency_hertz,
  cpu_frequency_max_hertz,
  memory_total_bytes,
  memory_available_bytes,
  memory_bytes,
  memory_largest_free_block_bytes,
  memory_stalled_seconds_total,
  oom_kills_total,
  memory_headroom_bytes,
  memory_headroom_margin_bytes,
  swap_total_bytes,
  swap_used_bytes,
  swap_in_bytes_total,
  swap_out_bytes_total,
  gpu_busy_seconds_total,
  gpu_utilization_ratio,
  gpu_frequency_hertz,
  gpu_frequency_max_hertz,
  gpu_railgated,
  gpu_memory_total_bytes,
  gpu_memory_used_bytes,
  emc_utilization_ratio,
  emc_frequency_hertz,
  emc_busy_seconds_total,
  emc_transferred_bytes_total,
  emc_peak_bytes_per_second,
  engine_on,
  engine_frequency_hertz,
  board_power_watts,
  board_energy_joules_total,
  board_power_source_info,
  rail_power_watts,
  rail_energy_joules_total,
  rail_voltage_volts,
  rail_current_amperes,
  rail_averaging_seconds,
  temperature_celsius,
  temperature_trip_celsius,
  cooling_device_state,
  cooling_device_max_state,
  throttled_seconds_total,
  throttle_events_total,
  fan_speed_rpm,
  fan_duty_ratio,
  ollama_up,
  ollama_version_info,
  ollama_loaded_models,
  ollama_busy_seconds_total,
  ollama_log_up,
  ollama_log_offloaded_layers,
  ollama_log_layers,
  model_load_failures_total,
  runner_exits_total,
  model_info,
  model_size_bytes,
  model_gpu_size_bytes,
  model_gpu_memory_bytes,
  model_offload_ratio,
  model_context_length_tokens,
  model_gpu_expected,
  model_placement,
  model_fallback_info,
  placement_verdicts_total,
  cpu_fallback_events_total,
  requests_total,
  requests_aborted_total,
  requests_in_flight,
  request_duration_seconds,
  time_to_first_token_seconds,
  inter_token_latency_seconds,
  request_joules_per_output_token,
  request_quality_total,
  tokens_total,
  phase_seconds_total,
  decode_read_bytes_total,
  decode_read_seconds_total,
  decode_read_peak_bytes_total,
  decode_impossible_total,
  attributed_energy_joules_total,
  attributed_idle_energy_joules_total,
  attributed_gpu_seconds_total,
  attributed_cpu_seconds_total,
  unattributed_energy_joules_total,
  unattributed_gpu_seconds_total,
  pending_energy_joules,
  pending_gpu_seconds,
  forgotten_energy_joules,
  forgotten_gpu_seconds,
  relay_connections,
  relay_bytes_total,
  relay_refused_requests_total,
  relay_closed_connections_total,
  relay_unobserved_connections_total,
  capture_up,
  capture_packets_total,
  capture_dropped_packets_total,
  capture_gaps_total,
  capture_lost_bytes_total,
  capture_joined_connections_total,
  observation_errors_total,
  label_overflow_total,
  events_dropped_total,
  events_total,
  incidents_total,
  webhook_deliveries_total,
  storage_up,
  storage_commits_total,
  process_cpu_seconds_total,
  process_resident_memory_bytes,
  process_virtual_memory_bytes,
  process_open_fds,
  process_max_fds,
  process_start_time_seconds
};
inline constexpr std::size_t kFamilies = static_cast<std::size_t>(Family::process_start_time_seconds) + 1;
inline constexpr std::size_t kMaxLabels = 5;

struct FamilyInfo {
  Family family{};
  std::string_view name;  // its unit, a base unit, is its end: ..._seconds, ..._joules_total
  MetricKind kind{};
  std::array<std::string_view, kMaxLabels> label_names;  // those not used are empty
  std::string_view help;

  std::span<const std::string_view> labels() const {
    std::size_t n = 0;
    while (n < kMaxLabels && !label_names[n].empty()) ++n;
    return std::span{label_names}.first(n);
  }
};

// What a label's value can be, on one board.
struct LabelInfo {
  std::string_view label;
  std::size_t bound = 0;    // most values at a time
  std::string_view values;  // all of them, or where they come from
  Family only{};            // with `of_one`: in that family
  bool of_one = false;
};

std::span<const FamilyInfo> catalogue();
const FamilyInfo& info(Family family);

// "seconds", "bytes", "joules", ...; empty: a number without a unit.
std::string_view unit(const FamilyInfo& family);
// Upper edges, +Inf not among them; empty: no histogram.
std::span<const double> buckets(Family family);
// Of one of the family's labels.
const LabelInfo& label_info(Family family, std::string_view label);

}  // namespace tegrascope
