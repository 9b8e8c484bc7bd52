#include "agent/app/reading_sources.hpp"

#include <algorithm>
#include <cstdlib>

#include "collectors/jetson/board_power.hpp"
#include "collectors/jetson/cooling.hpp"
#include "collectors/jetson/engines.hpp"
#include "collectors/jetson/tegrastats.hpp"
#include "collectors/jetson/thermal.hpp"
#include "collectors/source_files.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

using Reads = std::vector<const TracedRead*>;

bool worked(const TracedRead& read) { return read.error == 0; }

std::string folder_of(std::string_view path) {
  return std::string(path.substr(0, std::min(path.rfind('/'), path.size())));
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string digits_of(std::string_view text) {
  const auto first = text.find_first_of("0123456789");
  if (first == std::string_view::npos) return {};
  const auto end = text.find_first_not_of("0123456789", first);
  return std::string(text.substr(first, end == std::string_view::npos ? end : end - first));
}

void append(Reads& reads, const Reads& more) { reads.insert(reads.end(), more.begin(), more.end()); }

std::string tegrastats_program(const HostPaths& paths) {
  if (!paths.tegrastats.empty()) return paths.tegrastats.string();
  const char* path = std::getenv("PATH");
  return find_in_path("tegrastats", path != nullptr ? path : "").string();
}

std::string nvml_library(const HostPaths& paths) {
  return paths.nvml_library.empty() ? "libnvidia-ml.so" : paths.nvml_library.string();
}

}  // namespace

std::vector<Source> ReadingSources::of(const Reading& reading) const {
  if (reading.signal == Signal::self_cpu_seconds)
    return {{"clock_gettime(CLOCK_PROCESS_CPUTIME_ID)", std::nullopt}};
  if (reading.signal == Signal::self_max_fds) return {{"getrlimit(RLIMIT_NOFILE)", std::nullopt}};
  if (batch_.collector == "tegrastats") return {{tegrastats_program(paths_), std::nullopt}};
  if (batch_.collector == "nvml") return {{nvml_library(paths_), std::nullopt}};
  std::vector<Source> sources;
  for (const TracedRead* read : reads_of(reading)) {
    const bool known = std::any_of(sources.begin(), sources.end(),
                                   [&](const Source& source) { return source.path == read->path; });
    if (!known) sources.push_back({read->path, read->end - read->begin});
  }
  return sources;
}

std::vector<Source> ReadingSources::of(const ProcessReading& process) const {
  std::vector<Source> sources;
  for (const TracedRead* read : exact(process.at)) sources.push_back({read->path, read->end - read->begin});
  return sources;
}

Reads ReadingSources::reads_of(const Reading& reading) const {
  Reads reads = exact(reading.at);
  switch (reading.signal) {
    case Signal::cpu_online:
      append(reads, files({}, "cpu/present"));
      break;
    case Signal::emc_utilization_ratio:
    case Signal::emc_bytes_per_second:
      append(reads, of_signal(Signal::emc_frequency_hertz, ""));
      break;
    case Signal::rail_power_watts:
      if (!reads.empty()) break;
      append(reads, of_signal(Signal::rail_voltage_volts, reading.instance));
      append(reads, of_signal(Signal::rail_current_amperes, reading.instance));
      break;
    case Signal::board_power_watts:
      reads.clear();
      for (const std::string& rail : board_rails()) append(reads, of_signal(Signal::rail_power_watts, rail));
      break;
    case Signal::rail_averaging_seconds:
      return averaging(reading.instance);
    case Signal::board_averaging_seconds:
      reads.clear();
      for (const std::string& rail : board_rails()) append(reads, averaging(rail));
      if (reads.empty())  // chips that do not average: the rails that it is said of
        for (const std::string& rail : board_rails())
          append(reads, of_signal(Signal::rail_power_watts, rail));
      break;
    case Signal::temperature_trip_celsius:
      return trips(reading);
    case Signal::cooling_max_state:
      return files((paths_.sysfs / "class/thermal" / ("cooling_device" + reading.instance)).string(),
                   "max_state");
    case Signal::throttled:
      reads.clear();
      for (const Reading& other : batch_.readings)
        if (other.signal == Signal::throttle_events ||
            (other.signal == Signal::cooling_state && holds_clocks_down(other.kind)))
          append(reads, exact(other.at));
      break;
    case Signal::nvpmodel_mode:
      if (!reading.kind.empty()) append(reads, files({}, "nvpmodel*.conf"));
      break;
    case Signal::clocks_locked:
      return files({}, "*_freq");
    case Signal::self_open_fds:
      return files({}, "self/fd");
    case Signal::self_start_time_seconds:
      append(reads, files("/proc", "stat"));
      break;
    default:
      break;
  }
  return reads;
}

Reads ReadingSources::exact(MonotonicTime at) const {
  Reads reads;
  for (const TracedRead& read : trace_)
    if (worked(read) && read.at() == at) reads.push_back(&read);
  return reads;
}

// The last good read of each such file; an empty folder stands for any.
Reads ReadingSources::files(std::string_view folder, std::string_view pattern) const {
  Reads reads;
  for (const TracedRead& read : trace_) {
    if (!worked(read) || !ends_like(read.path, pattern)) continue;
    if (!folder.empty() && folder_of(read.path) != folder) continue;
    const auto known = std::find_if(reads.begin(), reads.end(),
                                    [&](const TracedRead* other) { return other->path == read.path; });
    if (known == reads.end())
      reads.push_back(&read);
    else
      *known = &read;
  }
  return reads;
}

Reads ReadingSources::of_signal(Signal signal, std::string_view instance) const {
  Reads reads;
  for (const Reading& other : batch_.readings)
    if (other.signal == signal && other.instance == instance) append(reads, reads_of(other));
  return reads;
}

Reads ReadingSources::averaging(std::string_view rail) const {
  for (const TracedRead& label : trace_) {
    if (!ends_like(label.path, "in*_label") || label.text != rail) continue;
    Reads reads = files(folder_of(label.path), "samples");
    append(reads, files(folder_of(label.path), "update_interval"));
    return reads;
  }
  return {};
}

Reads ReadingSources::trips(const Reading& reading) const {
  Reads reads;
  for (const TracedRead* type : files({}, "thermal_zone*/trip_point_*_type")) {
    const std::string folder = folder_of(type->path);
    const bool shutdown = type->text == "critical";
    const bool throttle = type->text == "passive" || type->text == "hot";
    if (!(reading.kind == "shutdown" ? shutdown : throttle) || zone_of(folder) != reading.instance) continue;
    const std::string point = "trip_point_" + digits_of(name_of(type->path));
    append(reads, {type});
    append(reads, files(folder, point + "_temp"));
  }
  return reads;
}

std::vector<std::string> ReadingSources::board_rails() const {
  std::vector<RailPower> rails;
  for (const Reading& reading : batch_.readings)
    if (reading.signal == Signal::rail_power_watts)
      rails.push_back({reading.instance, reading.value, reading.at, 0});
  std::vector<std::string> names;
  for (const std::string_view name : board_power_rails(rails)) names.emplace_back(name);
  return names;
}

// As the collector names zones: the second of a type gets its number.
std::string ReadingSources::zone_of(const std::string& folder) const {
  std::vector<std::string> taken;
  for (const TracedRead* type : files({}, "thermal_zone*/type")) {
    auto name = thermal_zone_name(type->text);
    if (!name) continue;
    const std::string zone = folder_of(type->path);
    if (std::find(taken.begin(), taken.end(), *name) != taken.end()) *name += "-" + digits_of(name_of(zone));
    if (zone == folder) return *name;
    taken.push_back(*std::move(name));
  }
  return {};
}

std::string ReadingSources::instance_of(const std::string& path) const {
  const std::string folder = folder_of(path);
  const std::string_view parent = name_of(folder);
  const std::string_view name = name_of(path);
  const auto text_of = [&](const std::string& neighbour) {
    const TracedRead* read = last_read(folder + "/" + neighbour);
    return read == nullptr ? std::string() : read->text;
  };
  if (parent.starts_with("thermal_zone")) return zone_of(folder);
  if (parent.starts_with("cooling_device")) return digits_of(parent);
  if (parent == "cpufreq") return digits_of(name_of(folder_of(folder)));
  if (name_of(folder_of(folder)) == "cpufreq") return digits_of(parent);  // a policy, named by its first core
  if (batch_.collector == "engines" && name != "clk") return engine_of_clock(parent).value_or(std::string());
  if (batch_.collector == "rails" && ends_like(path, "in_*_input"))
    return text_of("rail_name_" + digits_of(name));
  if (batch_.collector == "rails") return text_of("in" + digits_of(name) + "_label");
  return {};
}

bool ReadingSources::used(const TracedRead& read) const {
  return std::any_of(batch_.readings.begin(), batch_.readings.end(),
                     [&](const Reading& reading) { return reading.at == read.at(); });
}

const TracedRead* ReadingSources::last_read(const std::string& path) const {
  const auto found = std::find_if(trace_.rbegin(), trace_.rend(),
                                  [&](const TracedRead& read) { return worked(read) && read.path == path; });
  return found == trace_.rend() ? nullptr : &*found;
}

}  // namespace tegrascope
