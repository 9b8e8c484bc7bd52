#include "collectors/jetson/tegrastats.hpp"

#include <unistd.h>

#include <cstdlib>

#include "collectors/jetson/board.hpp"
#include "collectors/jetson/board_power.hpp"
#include "collectors/jetson/emc.hpp"
#include "collectors/jetson/stand_in.hpp"
#include "collectors/jetson/thermal.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kSilence = 5s;
constexpr std::size_t kLongestLine = 64 * 1024;
constexpr const char* kGpu = "0";

}  // namespace

std::filesystem::path find_in_path(std::string_view program, std::string_view path) {
  std::filesystem::path found;
  for_each_part(path, ':', [&](std::string_view folder) {
    const auto candidate = std::filesystem::path(folder) / program;
    if (found.empty() && !folder.empty() && ::access(candidate.c_str(), X_OK) == 0) found = candidate;
  });
  return found;
}

void append_readings(const TegrastatsLine& line, MonotonicTime at, Batch& out, int memory_bus_bits) {
  const auto emit = [&](Signal signal, std::string instance, std::optional<double> value,
                        std::string kind = {}) {
    if (value) out.readings.push_back({signal, std::move(instance), std::move(kind), *value, at});
  };
  if (line.gpu) {
    emit(Signal::gpu_utilization_ratio, kGpu, line.gpu->utilization_ratio);
    if (!line.gpu->frequencies_hertz.empty())
      emit(Signal::gpu_frequency_hertz, kGpu, line.gpu->frequencies_hertz.front());
  }
  if (line.emc) {
    emit(Signal::emc_utilization_ratio, "", line.emc->utilization_ratio);
    emit(Signal::emc_frequency_hertz, "", line.emc->frequency_hertz);
    if (line.emc->utilization_ratio && line.emc->frequency_hertz && memory_bus_bits > 0)
      emit(Signal::emc_bytes_per_second, "",
           *line.emc->utilization_ratio * bus_bytes_per_second(*line.emc->frequency_hertz, memory_bus_bits));
  }
  for (const auto& [zone, temperature] : line.temperatures)
    if (auto name = thermal_zone_name(zone))
      emit(Signal::temperature_celsius, *std::move(name), temperature.celsius);
  std::vector<RailPower> rails;
  for (const auto& [name, rail] : line.rails) {
    if (name == "NC") continue;
    emit(Signal::rail_power_watts, name, rail.watts);
    rails.push_back({name, rail.watts, at});
  }
  if (const auto board = board_power(rails))
    emit(Signal::board_power_watts, "", board->watts, std::string(board->kind));
}

TegrastatsCollector::TegrastatsCollector(const HostPaths& paths, Mode mode) : paths_(paths), mode_(mode) {}

bool TegrastatsCollector::wanted(MonotonicTime now) {
  if (!decide_.due(now)) return wanted_;
  const BoardIdentity board = *read_board(paths_);
  memory_bus_bits_ = board.memory_bus_bits;
  if (mode_ == Mode::always) return true;
  StandInFacts facts;
  facts.jetson = board.jetson;
  facts.l4t_major = to_integer<int>(board.l4t.substr(0, board.l4t.find('.'))).value_or(0);
  facts.root = ::geteuid() == 0;
  facts.emc_in_sysfs = emc_is_readable(paths_);
  facts.same_machine = !paths_.tegrastats.empty() || paths_.sysfs == "/sys";
  wanted_ = tegrastats_wanted(facts);
  return wanted_;
}

void TegrastatsCollector::collect(Batch& out) {
  const MonotonicTime now = slot_time(out);
  if (!wanted(now)) {
    child_.reset();
    out.absent = true;
    return;
  }
  const auto fail = [&](ErrorReason reason, const std::string& what) {
    out.errors.push_back({reason, program_.string() + ": " + what});
  };
  if (!child_ || !child_->running()) {
    if (!start_.due(now)) {
      out.absent = program_.empty();
      if (child_) fail(ErrorReason::missing, child_->error() + "; it is started again every 10 s");
      return;
    }
    const char* path = std::getenv("PATH");
    program_ = paths_.tegrastats.empty() ? find_in_path("tegrastats", path ? path : "") : paths_.tegrastats;
    out.absent = program_.empty();
    if (program_.empty()) return;
    output_.clear();
    last_line_ = now;
    child_ = std::make_unique<ChildProcess>(program_, std::vector<std::string>{"--interval", "1000"});
  }

  const bool alive = child_->drain(output_);
  if (const auto line = newest_line()) {
    last_line_ = now;
    append_readings(*line, now, out, memory_bus_bits_);
  }
  if (!alive)
    fail(ErrorReason::missing, child_->error() + "; it is started again every 10 s");
  else if (now - last_line_ > kSilence)
    fail(ErrorReason::timeout, "no line for " +
                                   std::to_string(static_cast<int>(to_seconds(now - last_line_))) +
                                   " s; run it by hand to see why");
}

std::optional<TegrastatsLine> TegrastatsCollector::newest_line() {
  std::optional<TegrastatsLine> result;
  const auto end = output_.rfind('\n');
  if (end != std::string::npos) {
    const std::string_view complete = std::string_view(output_).substr(0, end);
    const std::string_view newest = trim(complete.substr(complete.rfind('\n') + 1));
    if (!newest.empty()) result = parse_tegrastats_line(newest);
    output_.erase(0, end + 1);
  }
  if (output_.size() > kLongestLine) output_.clear();
  return result;
}

}  // namespace tegrascope
