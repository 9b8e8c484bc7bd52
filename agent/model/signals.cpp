#include "agent/model/signals.hpp"

#include <array>
#include <cstddef>

namespace tegrascope {
namespace {

// clang-format off
constexpr std::array<SignalInfo, kSignals> kTable{{
  {Signal::cpu_seconds, "cpu_seconds", Unit::seconds, true},
  {Signal::cpu_online, "cpu_online", Unit::boolean},
  {Signal::cpu_frequency_hertz, "cpu_frequency_hertz", Unit::hertz},
  {Signal::cpu_frequency_max_hertz, "cpu_frequency_max_hertz", Unit::hertz},
  {Signal::memory_total_bytes, "memory_total_bytes", Unit::bytes},
  {Signal::memory_available_bytes, "memory_available_bytes", Unit::bytes},
  {Signal::memory_bytes, "memory_bytes", Unit::bytes},
  {Signal::memory_largest_free_block_bytes, "memory_largest_free_block_bytes", Unit::bytes},
  {Signal::memory_stalled_seconds, "memory_stalled_seconds", Unit::seconds, true},
  {Signal::oom_kills, "oom_kills", Unit::count, true},
  {Signal::swap_total_bytes, "swap_total_bytes", Unit::bytes},
  {Signal::swap_used_bytes, "swap_used_bytes", Unit::bytes},
  {Signal::swap_in_bytes, "swap_in_bytes", Unit::bytes, true},
  {Signal::swap_out_bytes, "swap_out_bytes", Unit::bytes, true},
  {Signal::gpu_utilization_ratio, "gpu_utilization_ratio", Unit::ratio},
  {Signal::gpu_frequency_hertz, "gpu_frequency_hertz", Unit::hertz},
  {Signal::gpu_frequency_max_hertz, "gpu_frequency_max_hertz", Unit::hertz},
  {Signal::gpu_railgated, "gpu_railgated", Unit::boolean},
  {Signal::gpu_memory_total_bytes, "gpu_memory_total_bytes", Unit::bytes},
  {Signal::gpu_memory_used_bytes, "gpu_memory_used_bytes", Unit::bytes},
  {Signal::emc_utilization_ratio, "emc_utilization_ratio", Unit::ratio},
  {Signal::emc_frequency_hertz, "emc_frequency_hertz", Unit::hertz},
  {Signal::emc_bytes_per_second, "emc_bytes_per_second", Unit::bytes_per_second},
  {Signal::emc_peak_bytes_per_second, "emc_peak_bytes_per_second", Unit::bytes_per_second},
  {Signal::engine_on, "engine_on", Unit::boolean},
  {Signal::engine_frequency_hertz, "engine_frequency_hertz", Unit::hertz},
  {Signal::rail_voltage_volts, "rail_voltage_volts", Unit::volts},
  {Signal::rail_current_amperes, "rail_current_amperes", Unit::amperes},
  {Signal::rail_power_watts, "rail_power_watts", Unit::watts},
  {Signal::rail_energy_joules, "rail_energy_joules", Unit::joules, true},
  {Signal::rail_averaging_seconds, "rail_averaging_seconds", Unit::seconds},
  {Signal::board_averaging_seconds, "board_averaging_seconds", Unit::seconds},
  {Signal::board_power_watts, "board_power_watts", Unit::watts},
  {Signal::temperature_celsius, "temperature_celsius", Unit::celsius},
  {Signal::temperature_trip_celsius, "temperature_trip_celsius", Unit::celsius},
  {Signal::cooling_state, "cooling_state", Unit::number},
  {Signal::cooling_max_state, "cooling_max_state", Unit::number},
  {Signal::throttled, "throttled", Unit::boolean},
  {Signal::throttle_events, "throttle_events", Unit::count, true},
  {Signal::fan_duty_ratio, "fan_duty_ratio", Unit::ratio},
  {Signal::fan_speed_rpm, "fan_speed_rpm", Unit::rpm},
  {Signal::nvpmodel_mode, "nvpmodel_mode", Unit::number},
  {Signal::clocks_locked, "clocks_locked", Unit::boolean},
  {Signal::self_cpu_seconds, "self_cpu_seconds", Unit::seconds, true},
  {Signal::self_resident_bytes, "self_resident_bytes", Unit::bytes},
  {Signal::self_virtual_bytes, "self_virtual_bytes", Unit::bytes},
  {Signal::self_open_fds, "self_open_fds", Unit::count},
  {Signal::self_max_fds, "self_max_fds", Unit::count},
  {Signal::self_start_time_seconds, "self_start_time_seconds", Unit::unix_seconds},
  {Signal::boot_time_seconds, "boot_time_seconds", Unit::unix_seconds},
}};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].signal) != i || kTable[i].name.empty()) return false;
  return true;
}
static_assert(in_order(), "kTable needs one row per Signal, in the order of the enumeration");

}  // namespace

const SignalInfo& signal_info(Signal signal) { return kTable[static_cast<std::size_t>(signal)]; }

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::seconds:
      return "seconds";
    case Unit::unix_seconds:
      return "unix_seconds";
    case Unit::bytes:
      return "bytes";
    case Unit::bytes_per_second:
      return "bytes_per_second";
    case Unit::hertz:
      return "hertz";
    case Unit::celsius:
      return "celsius";
    case Unit::volts:
      return "volts";
    case Unit::amperes:
      return "amperes";
    case Unit::watts:
      return "watts";
    case Unit::joules:
      return "joules";
    case Unit::ratio:
      return "ratio";
    case Unit::rpm:
      return "rpm";
    case Unit::boolean:
      return "boolean";
    case Unit::count:
      return "count";
    case Unit::number:
      return "number";
  }
  return "number";
}

}  // namespace tegrascope
