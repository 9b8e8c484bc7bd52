#include "tests/support/fault_table.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <string_view>

#include "tests/support/sensor_faults.hpp"

namespace tegrascope::test {
namespace {

namespace fs = std::filesystem;

// What the instance of the series is called by: an element of the path, or a text beside the file.
enum class Instance { any, folder, policy, device, zone, rail };

struct Row {
  const char* files;  // as fnmatch(3) takes it; the first row that fits counts
  Instance instance;
  std::vector<Signal> signals;
  std::vector<MadeSeries> others{};  // whatever the instance
};

MadeSeries one(Signal signal, std::string instance = {}, std::string kind = {}) {
  return {static_cast<int>(signal), std::move(instance), std::move(kind)};
}

const std::vector<Row>& rows() {
  using enum Signal;
  static const std::vector<Signal> kRail{rail_voltage_volts, rail_current_amperes, rail_power_watts,
                                         rail_averaging_seconds};
  static const std::vector<MadeSeries> kBoard{one(board_power_watts), one(board_averaging_seconds)};
  static const std::vector<Row> table{
      {"proc/stat", Instance::any, {cpu_seconds, boot_time_seconds}},
      {"proc/meminfo", Instance::any, {memory_total_bytes, memory_available_bytes, memory_bytes}},
      {"proc/swaps", Instance::any, {swap_total_bytes, swap_used_bytes}},
      {"proc/pressure/memory", Instance::any, {memory_stalled_seconds}},
      {"proc/vmstat", Instance::any, {oom_kills, swap_in_bytes, swap_out_bytes}},
      {"proc/buddyinfo", Instance::any, {memory_largest_free_block_bytes}},
      {"sys/devices/system/cpu/present", Instance::any, {cpu_online}},
      {"sys/devices/system/cpu/online",
       Instance::any,
       {cpu_online, cpu_frequency_hertz, cpu_frequency_max_hertz}},
      {"*/policy*/scaling_cur_freq", Instance::policy, {cpu_frequency_hertz}},
      {"*/policy*/scaling_max_freq", Instance::policy, {cpu_frequency_max_hertz}, {one(clocks_locked)}},
      {"*/scaling_min_freq", Instance::any, {clocks_locked}},

      {"*/17000000.gpu/load", Instance::any, {gpu_utilization_ratio}},
      {"*/17000000.gpu/power/runtime_status", Instance::any, {gpu_utilization_ratio, gpu_railgated}},
      {"*/17000000.gpu/cur_freq", Instance::any, {gpu_frequency_hertz}},
      {"*/17000000.gpu/max_freq", Instance::any, {gpu_frequency_max_hertz, clocks_locked}},
      {"*/17000000.gpu/min_freq", Instance::any, {clocks_locked}},

      {"*/thermal_zone*/type", Instance::zone, {temperature_celsius, temperature_trip_celsius}},
      // A zone is where there is a temperature.
      {"*/thermal_zone*/temp", Instance::zone, {temperature_celsius, temperature_trip_celsius}},
      {"*/thermal_zone*/trip_point_*", Instance::zone, {temperature_trip_celsius}},
      {"*/cooling_device*/type",
       Instance::device,
       {cooling_state, cooling_max_state},
       {one(throttled, "", "thermal")}},
      {"*/cooling_device*/cur_state", Instance::device, {cooling_state}, {one(throttled, "", "thermal")}},
      {"*/cooling_device*/max_state", Instance::device, {cooling_max_state}},

      {"*/hwmon0/*", Instance::any, {fan_duty_ratio}},
      {"*/hwmon3/*", Instance::any, {fan_speed_rpm}},
      {"*/hwmon2/name", Instance::any, {throttle_events}, {one(throttled, "", "overcurrent")}},
      {"*/hwmon2/oc1_event_cnt", Instance::any, {}, {one(throttle_events, "", "oc1")}},
      {"*/hwmon2/oc2_event_cnt", Instance::any, {}, {one(throttle_events, "", "oc2")}},
      {"*/hwmon2/oc3_event_cnt", Instance::any, {}, {one(throttle_events, "", "oc3")}},
      {"*/hwmon1/name", Instance::any, kRail, kBoard},
      {"*/hwmon1/samples", Instance::any, {rail_averaging_seconds, board_averaging_seconds}},
      {"*/hwmon1/update_interval", Instance::any, {rail_averaging_seconds, board_averaging_seconds}},
      {"*/hwmon1/*1_[il]*", Instance::rail, kRail, kBoard},
      {"*/hwmon1/*[23]_[il]*", Instance::rail, kRail},

      {"*/clk/emc/rate", Instance::any, {emc_frequency_hertz, emc_utilization_ratio, emc_bytes_per_second}},
      {"*/clk/emc/max_rate", Instance::any, {emc_peak_bytes_per_second}},
      {"*/cactmon/mc_all", Instance::any, {emc_utilization_ratio, emc_bytes_per_second}},
      {"*/clk/*/clk_enable_count", Instance::folder, {engine_on, engine_frequency_hertz}},
      {"*/clk/*/clk_rate", Instance::folder, {engine_frequency_hertz}},
      {"sys/firmware/devicetree/base/compatible",
       Instance::any,
       {emc_frequency_hertz, emc_utilization_ratio, emc_bytes_per_second, emc_peak_bytes_per_second,
        engine_on, engine_frequency_hertz}},
      {"var/lib/nvpmodel/status", Instance::any, {nvpmodel_mode}},
      {"etc/nvpmodel/*.conf", Instance::any, {nvpmodel_mode}}};
  return table;
}

std::string instance_of(Instance instance, const fs::path& path) {
  const std::string folder = path.parent_path().filename();
  const auto beside = [&](const std::string& name) {
    const std::string text = read_text(path.parent_path() / name);
    return text.substr(0, text.find_first_of("\n"));
  };
  switch (instance) {
    case Instance::any:
      return "";
    case Instance::folder:
      return folder;
    case Instance::policy:
      break;  // has several
    case Instance::device:
      return folder.substr(std::string_view("cooling_device").size());
    case Instance::zone:
      return beside("type").substr(0, beside("type").find('-'));
    case Instance::rail: {
      const std::string name = path.filename();
      return beside("in" + name.substr(name.find_first_of("123"), 1) + "_label");
    }
  }
  return "";
}

// Those whose cpuN/cpufreq leads to the policy.
std::vector<std::string> cores_of(const fs::path& policy) {
  std::vector<std::string> cores;
  for (const auto& entry : fs::directory_iterator(policy.parent_path().parent_path())) {
    std::error_code error;
    if (fs::read_symlink(entry.path() / "cpufreq", error).filename() == policy.filename() && !error)
      cores.push_back(entry.path().filename().string().substr(3));
  }
  return cores;
}

// Trips of the type active belong to fans.
bool is_of_an_alert(const fs::path& trip) {
  std::string type = trip;
  type.replace(type.rfind("_temp"), std::string::npos, "_type");
  return read_text(type).starts_with("active");
}

}  // namespace

void add_values(const Batch& batch, SeriesValues& values) {
  for (const Reading& r : batch.readings) values[{static_cast<int>(r.signal), r.instance, r.kind}] = r.value;
  for (const ProcessReading& p : batch.processes)
    values[{kProcessSeries, std::to_string(p.id.pid), ""}] = static_cast<double>(p.id.start_ticks);
}

bool holds(const std::vector<MadeSeries>& made, const SeriesKey& key) {
  const auto& [signal, instance, kind] = key;
  return std::any_of(made.begin(), made.end(), [&](const MadeSeries& m) {
    return m.signal == signal && (m.instance.empty() || m.instance == instance) &&
           (m.kind.empty() || m.kind == kind);
  });
}

std::vector<MadeSeries> made_of(const std::string& file, const fs::path& root) {
  const std::string name = fs::path(file).filename();
  const std::string folder = fs::path(file).parent_path().filename();
  if (file != "proc/stat" && (name == "cmdline" || name == "stat")) return {{kProcessSeries, folder, ""}};
  for (const Row& row : rows()) {
    if (::fnmatch(row.files, file.c_str(), 0) != 0) continue;
    if (name.ends_with("_temp") && is_of_an_alert(root / file)) return {};
    std::vector<MadeSeries> made = row.others;
    const std::vector<std::string> instances = row.instance == Instance::policy
                                                   ? cores_of((root / file).parent_path())
                                                   : std::vector{instance_of(row.instance, root / file)};
    for (const std::string& instance : instances)
      for (const Signal signal : row.signals) made.push_back(one(signal, instance));
    return made;
  }
  return {};
}

bool is_free_text(const std::string& file) {
  const std::string name = fs::path(file).filename();
  return name == "name" || name == "type" || name.ends_with("_type") || name.ends_with("_label") ||
         name.ends_with(".conf") || name == "cmdline" || name == "online" || name == "present" ||
         name == "runtime_status" || name == "compatible";
}

}  // namespace tegrascope::test
