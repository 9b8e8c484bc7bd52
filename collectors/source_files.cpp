#include "collectors/source_files.hpp"

#include <algorithm>
#include <string>

namespace tegrascope {
namespace {

bool like(std::string_view text, std::string_view pattern) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return text == pattern;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t i = star; i <= text.size(); ++i)
    if (like(text.substr(i), rest)) return true;
  return false;
}

void add(const std::vector<Signal>& more, std::vector<Signal>& signals) {
  for (const Signal signal : more)
    if (std::find(signals.begin(), signals.end(), signal) == signals.end()) signals.push_back(signal);
}

}  // namespace

const std::vector<SourceFile>& source_files() {
  using S = Signal;
  static const std::vector<Signal> rail{S::rail_voltage_volts, S::rail_current_amperes, S::rail_power_watts,
                                        S::board_power_watts};
  static const std::vector<Signal> voltage{S::rail_voltage_volts, S::rail_power_watts, S::board_power_watts};
  static const std::vector<Signal> averaging{S::rail_averaging_seconds, S::board_averaging_seconds};
  static const std::vector<Signal> engine{S::engine_on, S::engine_frequency_hertz};
  static const std::vector<Signal> emc{S::emc_frequency_hertz, S::emc_utilization_ratio,
                                       S::emc_bytes_per_second};
  static const std::vector<Signal> emc_load{S::emc_utilization_ratio, S::emc_bytes_per_second};
  static const std::vector<SourceFile> table{
      {"cpu", "stat", {S::cpu_seconds, S::boot_time_seconds}},
      {"cpu", "system/cpu/present", {S::cpu_online}},
      {"cpu", "system/cpu/online", {S::cpu_online}},
      {"cpu", "cpufreq/scaling_cur_freq", {S::cpu_frequency_hertz}},
      {"cpu", "cpufreq/scaling_max_freq", {S::cpu_frequency_max_hertz}},
      {"cpu", "policy*/scaling_cur_freq", {S::cpu_frequency_hertz}},
      {"cpu", "policy*/scaling_max_freq", {S::cpu_frequency_max_hertz}},
      {"memory", "meminfo", {S::memory_total_bytes, S::memory_available_bytes, S::memory_bytes}},
      {"memory", "swaps", {S::swap_total_bytes, S::swap_used_bytes}},
      {"pressure", "pressure/memory", {S::memory_stalled_seconds}},
      {"pressure", "vmstat", {S::oom_kills, S::swap_in_bytes, S::swap_out_bytes}},
      {"pressure", "buddyinfo", {S::memory_largest_free_block_bytes}},
      {"processes", "cmdline", {}},
      {"self", "self/stat", {S::self_resident_bytes, S::self_virtual_bytes, S::self_start_time_seconds}},
      {"self", "self/fd", {S::self_open_fds}},
      {"gpu", "load", {S::gpu_utilization_ratio}},
      {"gpu", "power/runtime_status", {S::gpu_railgated, S::gpu_utilization_ratio}},
      {"gpu", "cur_freq", {S::gpu_frequency_hertz}},
      {"gpu", "max_freq", {S::gpu_frequency_max_hertz}},
      {"emc", "clk/emc/rate", emc},
      {"emc", "bwmgr/cur_freq", emc},
      {"emc", "tegra_bwmgr/emc_rate", emc},
      {"emc", "override.emc/clk_rate", emc},
      {"emc", "mc_all", emc_load},
      {"emc", "mc_all_avg_activity", emc_load},
      {"emc", "clk/emc/max_rate", {S::emc_peak_bytes_per_second}},
      {"emc", "bwmgr/max_freq", {S::emc_peak_bytes_per_second}},
      {"emc", "tegra_bwmgr/emc_max_rate", {S::emc_peak_bytes_per_second}},
      {"engines", "clk/*/clk_enable_count", engine},
      {"engines", "clk/*/clk_rate", {S::engine_frequency_hertz}},
      {"engines", "kernel/debug/clk", engine},
      {"rails", "in*_label", rail},
      {"rails", "rail_name_*", rail},
      {"rails", "in1_input", voltage},
      {"rails", "in2_input", voltage},
      {"rails", "in3_input", voltage},
      {"rails", "curr*_input", {S::rail_current_amperes, S::rail_power_watts, S::board_power_watts}},
      {"rails", "power1_input", {S::rail_power_watts, S::board_power_watts}},
      {"rails", "in_voltage*_input", {S::rail_voltage_volts}},
      {"rails", "in_current*_input", {S::rail_current_amperes}},
      {"rails", "in_power*_input", {S::rail_power_watts, S::board_power_watts}},
      {"rails", "samples", averaging},
      {"rails", "update_interval", averaging},
      {"thermal", "thermal_zone*/temp", {S::temperature_celsius}},
      {"thermal", "thermal_zone*/type", {S::temperature_celsius, S::temperature_trip_celsius}},
      {"thermal", "trip_point_*", {S::temperature_trip_celsius}},
      {"cooling", "cur_state", {S::cooling_state, S::cooling_max_state, S::throttled}},
      {"cooling", "max_state", {S::cooling_max_state}},
      {"throttle", "oc*_event_cnt", {S::throttle_events, S::throttled}},
      {"fan", "pwm1", {S::fan_duty_ratio}},
      {"fan", "target_pwm", {S::fan_duty_ratio}},
      {"fan", "rpm", {S::fan_speed_rpm}},
      {"fan", "fan1_input", {S::fan_speed_rpm}},
      {"fan", "rpm_measured", {S::fan_speed_rpm}},
      {"nvpmodel", "nvpmodel/status", {S::nvpmodel_mode}},
      {"nvpmodel", "min_freq", {S::clocks_locked}},
      {"nvpmodel", "max_freq", {S::clocks_locked}},
      {"nvpmodel", "scaling_min_freq", {S::clocks_locked}},
      {"nvpmodel", "scaling_max_freq", {S::clocks_locked}},
      {"tegrastats", "tegrastats", {}},
      {"nvml", "libnvidia-ml.so*", {}},
  };
  return table;
}

bool ends_like(std::string_view path, std::string_view pattern) {
  while (true) {
    const auto slash = path.rfind('/');
    const auto pattern_slash = pattern.rfind('/');
    const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    const auto wanted = pattern_slash == std::string_view::npos ? pattern : pattern.substr(pattern_slash + 1);
    if (!like(name, wanted)) return false;
    if (pattern_slash == std::string_view::npos) return true;
    if (slash == std::string_view::npos) return false;
    path = path.substr(0, slash);
    pattern = pattern.substr(0, pattern_slash);
  }
}

std::vector<Signal> signals_made_of(std::string_view collector, const std::filesystem::path& file) {
  std::vector<Signal> signals;
  const std::string path = file.string();
  for (const SourceFile& source : source_files())
    if (source.collector == collector && ends_like(path, source.pattern)) add(source.signals, signals);
  return signals;
}

std::vector<Signal> signals_of(std::string_view collector) {
  std::vector<Signal> signals;
  for (const SourceFile& source : source_files())
    if (source.collector == collector) add(source.signals, signals);
  return signals;
}

}  // namespace tegrascope
