#include "exporters/prometheus/catalogue.hpp"

namespace tegrascope {
namespace {

constexpr MetricKind counter = MetricKind::counter;
constexpr MetricKind gauge = MetricKind::gauge;
constexpr MetricKind histogram = MetricKind::histogram;

// clang-format off
constexpr std::array<FamilyInfo, kFamilies> kTable{{
  {Family::build_info, "tegrascope_build_info", gauge, {"version", "revision"},
   "Build of the agent; constant 1."},
  {Family::board_info, "tegrascope_board_info", gauge, {"module", "soc", "l4t", "jetpack", "kernel"},
   "Identity of the board; constant 1."},

  {Family::collector_up, "tegrascope_collector_up", gauge, {"collector"},
   "1 when the collector's last read worked; absent when the board lacks what it reads."},
  {Family::samples_total, "tegrascope_samples_total", counter, {"collector"},
   "Samples taken."},
  {Family::sample_errors_total, "tegrascope_sample_errors_total", counter, {"collector", "reason"},
   "Sensors that could not be read."},
  {Family::sample_gaps_total, "tegrascope_sample_gaps_total", counter, {"collector"},
   "Sampling slots missed."},
  {Family::sample_duration_seconds_total, "tegrascope_sample_duration_seconds_total", counter, {"collector"},
   "Time spent taking samples; divide by tegrascope_samples_total for the mean."},

  {Family::boot_time_seconds, "tegrascope_boot_time_seconds", gauge, {},
   "Unix time the board booted."},
  {Family::cpu_seconds_total, "tegrascope_cpu_seconds_total", counter, {"cpu", "mode"},
   "Seconds each CPU spent in each mode."},
  {Family::cpu_online, "tegrascope_cpu_online", gauge, {"cpu"},
   "1 when the core is online; power modes switch cores off."},
  {Family::cpu_frequency_hertz, "tegrascope_cpu_frequency_hertz", gauge, {"cpu"},
   "Current CPU clock."},
  {Family::memory_total_bytes, "tegrascope_memory_total_bytes", gauge, {},
   "Memory shared by CPU and GPU."},
  {Family::memory_available_bytes, "tegrascope_memory_available_bytes", gauge, {},
   "Memory available without swapping."},
  {Family::memory_bytes, "tegrascope_memory_bytes", gauge, {"kind"},
   "Partition of the shared memory; the kinds add up to the total."},
  {Family::swap_total_bytes, "tegrascope_swap_total_bytes", gauge, {"kind"},
   "Swap size."},
  {Family::swap_used_bytes, "tegrascope_swap_used_bytes", gauge, {"kind"},
   "Swap in use."},

  {Family::gpu_busy_seconds_total, "tegrascope_gpu_busy_seconds_total", counter, {"gpu"},
   "Time integral of GPU utilization since the agent started."},
  {Family::gpu_utilization_ratio, "tegrascope_gpu_utilization_ratio", gauge, {"gpu"},
   "Share of the last sampling window in which the GPU was busy: a duty cycle, not efficiency."},
  {Family::gpu_frequency_hertz, "tegrascope_gpu_frequency_hertz", gauge, {"gpu"},
   "Current GPU clock."},
  {Family::gpu_frequency_max_hertz, "tegrascope_gpu_frequency_max_hertz", gauge, {"gpu"},
   "GPU clock limit in force."},
  {Family::emc_utilization_ratio, "tegrascope_emc_utilization_ratio", gauge, {},
   "Share of the memory controller's bandwidth in use in the last window."},
  {Family::emc_frequency_hertz, "tegrascope_emc_frequency_hertz", gauge, {},
   "Current clock of the memory controller."},

  {Family::board_power_watts, "tegrascope_board_power_watts", gauge, {},
   "Power of the module in the last window, each watt counted once."},
  {Family::board_energy_joules_total, "tegrascope_board_energy_joules_total", counter, {},
   "Energy of the module since the agent started, each joule counted once."},
  {Family::board_power_source_info, "tegrascope_board_power_source_info", gauge, {"method"},
   "How the board's power is made on this board: input_rail or rail_sum; constant 1."},
  {Family::rail_power_watts, "tegrascope_rail_power_watts", gauge, {"rail"},
   "Power of the rail in the last window. Rails overlap: never sum them."},
  {Family::rail_energy_joules_total, "tegrascope_rail_energy_joules_total", counter, {"rail"},
   "Time integral of the rail's power since the agent started. Rails overlap: never sum them."},
  {Family::rail_voltage_volts, "tegrascope_rail_voltage_volts", gauge, {"rail"},
   "Voltage of the rail."},
  {Family::rail_current_amperes, "tegrascope_rail_current_amperes", gauge, {"rail"},
   "Current of the rail."},
  {Family::temperature_celsius, "tegrascope_temperature_celsius", gauge, {"zone"},
   "Temperature of the thermal zone; absent while the zone has no reading."},

  {Family::ollama_up, "tegrascope_ollama_up", gauge, {"server"},
   "1 when the last poll of Ollama was answered."},
  {Family::ollama_version_info, "tegrascope_ollama_version_info", gauge, {"server", "version"},
   "Version of Ollama; constant 1."},
  {Family::ollama_loaded_models, "tegrascope_ollama_loaded_models", gauge, {"server"},
   "Models resident; absent while unknown."},
  {Family::ollama_busy_seconds_total, "tegrascope_ollama_busy_seconds_total", counter, {"server", "witness"},
   "Busy time of Ollama's runners: exact when the relay or a capture saw the request, none otherwise."},

  {Family::model_info, "tegrascope_model_info", gauge,
   {"server", "model", "family", "parameter_size", "quantization"},
   "Static facts of a resident model; constant 1."},
  {Family::model_size_bytes, "tegrascope_model_size_bytes", gauge, {"server", "model"},
   "Memory Ollama reports for the resident model."},
  {Family::model_gpu_size_bytes, "tegrascope_model_gpu_size_bytes", gauge, {"server", "model"},
   "Part of it that Ollama reports on the GPU: declared, not observed."},
  {Family::model_offload_ratio, "tegrascope_model_offload_ratio", gauge, {"server", "model"},
   "Share of the model that Ollama reports on the GPU: declared, not observed."},
  {Family::model_context_length_tokens, "tegrascope_model_context_length_tokens", gauge, {"server", "model"},
   "Context length the model was loaded with."},
  {Family::model_gpu_expected, "tegrascope_model_gpu_expected", gauge, {"server", "model"},
   "1 when the model is meant to run on the GPU; 0 when configured so or when num_gpu=0 was asked for."},
  {Family::model_placement, "tegrascope_model_placement", gauge, {"server", "model", "placement"},
   "1 for the placement that the evidence of the model's last decodes shows, 0 for the others."},
  {Family::placement_verdicts_total, "tegrascope_placement_verdicts_total", counter,
   {"server", "model", "placement"},
   "Requests by where their decode ran, judged from GPU load and the runner's CPU time."},

  {Family::requests_total, "tegrascope_requests_total", counter, {"server", "model", "endpoint", "code"},
   "Requests finished, by status sent to the client; 499 when the client left."},
  {Family::requests_aborted_total, "tegrascope_requests_aborted_total", counter, {"server", "model", "by"},
   "Requests that ended before Ollama's last chunk."},
  {Family::requests_in_flight, "tegrascope_requests_in_flight", gauge, {"server", "model", "phase"},
   "Requests in flight: waiting for content, generating, or opaque when their phase cannot be seen."},
  {Family::request_duration_seconds, "tegrascope_request_duration_seconds", histogram,
   {"server", "model", "operation"},
   "Time from a request to the last byte of its answer."},
  {Family::time_to_first_token_seconds, "tegrascope_time_to_first_token_seconds", histogram,
   {"server", "model"},
   "Time from a streamed request to its first content, cold and warm."},
  {Family::inter_token_latency_seconds, "tegrascope_inter_token_latency_seconds", histogram,
   {"server", "model"},
   "Time between content chunks of a stream."},
  {Family::request_joules_per_output_token, "tegrascope_request_joules_per_output_token", histogram,
   {"server", "model"},
   "Energy booked to a request per output token, for requests of at least 16 tokens."},
  {Family::tokens_total, "tegrascope_tokens_total", counter, {"server", "model", "type"},
   "Tokens processed; input counts tokens taken from the cache too."},
  {Family::phase_seconds_total, "tegrascope_phase_seconds_total", counter, {"server", "model", "phase"},
   "Time of requests by phase; the phases add up to the requests' durations."},

  {Family::attributed_energy_joules_total, "tegrascope_attributed_energy_joules_total", counter,
   {"server", "model", "phase"},
   "Board energy booked to requests, their share of the idle draw included."},
  {Family::attributed_idle_energy_joules_total, "tegrascope_attributed_idle_energy_joules_total", counter,
   {"server", "model", "phase"},
   "Part of the booked energy that the board would have drawn idle."},
  {Family::attributed_gpu_seconds_total, "tegrascope_attributed_gpu_seconds_total", counter,
   {"server", "model", "phase"},
   "GPU busy time booked to requests."},
  {Family::attributed_cpu_seconds_total, "tegrascope_attributed_cpu_seconds_total", counter,
   {"server", "model", "phase"},
   "CPU time of the runner booked to requests."},
  {Family::unattributed_energy_joules_total, "tegrascope_unattributed_energy_joules_total", counter,
   {"reason"},
   "Board energy of no request: idle draw, other programs, or Ollama work that nobody saw asked for "
   "(bypass)."},
  {Family::unattributed_gpu_seconds_total, "tegrascope_unattributed_gpu_seconds_total", counter, {"reason"},
   "GPU busy time of no request: other programs, or Ollama work that nobody saw asked for (bypass)."},
  {Family::pending_energy_joules, "tegrascope_pending_energy_joules", gauge, {},
   "Measured energy not booked yet; attributed + unattributed + pending = board energy."},
  {Family::pending_gpu_seconds, "tegrascope_pending_gpu_seconds", gauge, {},
   "Measured GPU busy time not booked yet; attributed + unattributed + pending = GPU busy time."},

  {Family::observation_errors_total, "tegrascope_observation_errors_total", counter, {"reason"},
   "Answers whose figures could not be read."},
  {Family::label_overflow_total, "tegrascope_label_overflow_total", counter, {"label"},
   "Label values counted as other because there were too many."},
  {Family::events_dropped_total, "tegrascope_events_dropped_total", counter, {},
   "Events lost inside the agent because a queue was full."},

  {Family::process_cpu_seconds_total, "process_cpu_seconds_total", counter, {},
   "CPU time of the agent."},
  {Family::process_resident_memory_bytes, "process_resident_memory_bytes", gauge, {},
   "Resident memory of the agent."},
  {Family::process_virtual_memory_bytes, "process_virtual_memory_bytes", gauge, {},
   "Virtual memory of the agent."},
  {Family::process_open_fds, "process_open_fds", gauge, {},
   "Open file descriptors of the agent."},
  {Family::process_max_fds, "process_max_fds", gauge, {},
   "Limit of open file descriptors of the agent."},
  {Family::process_start_time_seconds, "process_start_time_seconds", gauge, {},
   "Unix time the agent started."},
}};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (static_cast<std::size_t>(kTable[i].family) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table follows the order of enum Family");

}  // namespace

std::span<const FamilyInfo> catalogue() { return kTable; }

const FamilyInfo& info(Family family) { return kTable[static_cast<std::size_t>(family)]; }

}  // namespace tegrascope
