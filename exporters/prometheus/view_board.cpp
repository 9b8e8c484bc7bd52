#include <string>

#include "agent/model/powered_off.hpp"
#include "exporters/prometheus/view_parts.hpp"

namespace tegrascope {
namespace {

void write_collectors(const Snapshot& snapshot, FamilyWriter& out) {
  for (const CollectorStatus& c : snapshot.collectors) {
    if (c.absent) continue;
    out.add(Family::collector_up, {c.name}, c.up ? 1 : 0);
    out.add(Family::samples_total, {c.name}, static_cast<double>(c.samples));
    out.add(Family::sample_gaps_total, {c.name}, static_cast<double>(c.missed_slots));
    out.add(Family::sample_duration_seconds_total, {c.name}, c.sample_seconds);
    for (const ErrorReason reason : kErrorReasons) {
      const auto count = c.errors.find(reason);
      out.add(Family::sample_errors_total, {c.name, to_string(reason)},
              count == c.errors.end() ? 0 : static_cast<double>(count->second));
    }
    out.add(Family::sensors_unavailable, {c.name}, static_cast<double>(c.unavailable));
  }
}

void write_reading(const Reading& r, FamilyWriter& out) {
  switch (r.signal) {
    case Signal::cpu_seconds:
      return out.add(Family::cpu_seconds_total, {r.instance, r.kind}, r.value);
    case Signal::cpu_online:
      return out.add(Family::cpu_online, {r.instance}, r.value);
    case Signal::cpu_frequency_hertz:
      return out.add(Family::cpu_frequency_hertz, {r.instance}, r.value);
    case Signal::cpu_frequency_max_hertz:
      return out.add(Family::cpu_frequency_max_hertz, {r.instance}, r.value);
    case Signal::memory_total_bytes:
      return out.add(Family::memory_total_bytes, {}, r.value);
    case Signal::memory_available_bytes:
      return out.add(Family::memory_available_bytes, {}, r.value);
    case Signal::memory_bytes:
      return out.add(Family::memory_bytes, {r.kind}, r.value);
    case Signal::memory_largest_free_block_bytes:
      return out.add(Family::memory_largest_free_block_bytes, {}, r.value);
    case Signal::memory_stalled_seconds:
      return out.add(Family::memory_stalled_seconds_total, {r.kind}, r.value);
    case Signal::oom_kills:
      return out.add(Family::oom_kills_total, {}, r.value);
    case Signal::swap_total_bytes:
      return out.add(Family::swap_total_bytes, {r.kind}, r.value);
    case Signal::swap_used_bytes:
      return out.add(Family::swap_used_bytes, {r.kind}, r.value);
    case Signal::swap_in_bytes:
      return out.add(Family::swap_in_bytes_total, {}, r.value);
    case Signal::swap_out_bytes:
      return out.add(Family::swap_out_bytes_total, {}, r.value);
    case Signal::gpu_utilization_ratio:
      return out.add(Family::gpu_utilization_ratio, {r.instance}, r.value);
    case Signal::gpu_frequency_hertz:
      return out.add(Family::gpu_frequency_hertz, {r.instance}, r.value);
    case Signal::gpu_frequency_max_hertz:
      return out.add(Family::gpu_frequency_max_hertz, {r.instance}, r.value);
    case Signal::gpu_railgated:
      return out.add(Family::gpu_railgated, {r.instance}, r.value);
    case Signal::gpu_memory_total_bytes:
      return out.add(Family::gpu_memory_total_bytes, {r.instance}, r.value);
    case Signal::gpu_memory_used_bytes:
      return out.add(Family::gpu_memory_used_bytes, {r.instance}, r.value);
    case Signal::emc_utilization_ratio:
      return out.add(Family::emc_utilization_ratio, {}, r.value);
    case Signal::emc_frequency_hertz:
      return out.add(Family::emc_frequency_hertz, {}, r.value);
    case Signal::emc_peak_bytes_per_second:
      return out.add(Family::emc_peak_bytes_per_second, {}, r.value);
    case Signal::engine_on:
      return out.add(Family::engine_on, {r.instance}, r.value);
    case Signal::engine_frequency_hertz:
      return out.add(Family::engine_frequency_hertz, {r.instance}, r.value);
    case Signal::rail_averaging_seconds:
      return out.add(Family::rail_averaging_seconds, {r.instance}, r.value);
    case Signal::emc_bytes_per_second:
    case Signal::throttled:
    case Signal::board_averaging_seconds:
    case Signal::rail_energy_joules:
      return;  // exported as integrals, or used inside only
    case Signal::rail_voltage_volts:
      return out.add(Family::rail_voltage_volts, {r.instance}, r.value);
    case Signal::rail_current_amperes:
      return out.add(Family::rail_current_amperes, {r.instance}, r.value);
    case Signal::rail_power_watts:
      return out.add(Family::rail_power_watts, {r.instance}, r.value);
    case Signal::board_power_watts:
      out.add(Family::board_power_watts, {}, r.value);
      return out.add(Family::board_power_source_info, {r.kind}, 1);
    case Signal::temperature_celsius:
      return out.add(Family::temperature_celsius, {r.instance}, r.value);
    case Signal::temperature_trip_celsius:
      return out.add(Family::temperature_trip_celsius, {r.instance, r.kind}, r.value);
    case Signal::cooling_state:
      return out.add(Family::cooling_device_state, {r.instance, r.kind}, r.value);
    case Signal::cooling_max_state:
      return out.add(Family::cooling_device_max_state, {r.instance, r.kind}, r.value);
    case Signal::throttle_events:
      return out.add(Family::throttle_events_total, {r.kind}, r.value);
    case Signal::fan_duty_ratio:
      return out.add(Family::fan_duty_ratio, {r.instance}, r.value);
    case Signal::fan_speed_rpm:
      return out.add(Family::fan_speed_rpm, {r.instance}, r.value);
    case Signal::nvpmodel_mode:
      out.add(Family::nvpmodel_mode, {}, r.value);
      if (!r.kind.empty())
        out.add(Family::nvpmodel_info, {std::to_string(static_cast<int>(r.value)), r.kind}, 1);
      return;
    case Signal::clocks_locked:
      return out.add(Family::clocks_locked, {}, r.value);
    case Signal::self_cpu_seconds:
      return out.add(Family::process_cpu_seconds_total, {}, r.value);
    case Signal::self_resident_bytes:
      return out.add(Family::process_resident_memory_bytes, {}, r.value);
    case Signal::self_virtual_bytes:
      return out.add(Family::process_virtual_memory_bytes, {}, r.value);
    case Signal::self_open_fds:
      return out.add(Family::process_open_fds, {}, r.value);
    case Signal::self_max_fds:
      return out.add(Family::process_max_fds, {}, r.value);
    case Signal::self_start_time_seconds:
      return out.add(Family::process_start_time_seconds, {}, r.value);
    case Signal::boot_time_seconds:
      return out.add(Family::boot_time_seconds, {}, r.value);
  }
}

// A board that is no Jetson says so, rather than showing an empty label.
std::string or_unknown(const std::string& text) { return text.empty() ? "unknown" : text; }

void write_totals(const Snapshot& snapshot, FamilyWriter& out) {
  const LedgerView& ledger = snapshot.ledger;
  if (ledger.energy_known) out.add(Family::board_energy_joules_total, {}, joules(ledger.measured_energy_nj));
  if (ledger.gpu_known) {
    out.add(Family::gpu_busy_seconds_total, {snapshot.ledger_gpu}, seconds(ledger.measured_gpu_busy_ns));
  }
  for (const auto& [rail, energy] : snapshot.rail_energy_nj) {
    out.add(Family::rail_energy_joules_total, {rail}, joules(energy));
  }
  if (const auto busy = snapshot.emc_busy_seconds) out.add(Family::emc_busy_seconds_total, {}, *busy);
  if (const auto bytes = snapshot.emc_transferred_bytes)
    out.add(Family::emc_transferred_bytes_total, {}, *bytes);
  if (const auto& headroom = snapshot.headroom) {
    out.add(Family::memory_headroom_bytes, {"resident"}, static_cast<double>(headroom->fits_bytes));
    if (headroom->fits_unloaded_bytes)
      out.add(Family::memory_headroom_bytes, {"unloaded"},
              static_cast<double>(*headroom->fits_unloaded_bytes));
    out.add(Family::memory_headroom_margin_bytes, {}, static_cast<double>(headroom->margin_bytes));
  }
  for (const auto& [reason, time] : snapshot.throttled_seconds)
    out.add(Family::throttled_seconds_total, {reason}, time);
  if (const auto events = snapshot.thermal_throttle_events)
    out.add(Family::throttle_events_total, {"thermal"}, static_cast<double>(*events));
}

}  // namespace

void write_board(const Snapshot& snapshot, FamilyWriter& out) {
  if (const auto& b = snapshot.board)
    out.add(Family::board_info, {or_unknown(b->module), or_unknown(b->soc), b->l4t, b->jetpack, b->kernel},
            1);
  write_collectors(snapshot, out);
  for (const Reading& reading : snapshot.readings) {
    if (!is_of_gated_gpu(reading, snapshot.readings)) write_reading(reading, out);
  }
  write_totals(snapshot, out);
}

}  // namespace tegrascope
