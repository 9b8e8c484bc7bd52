#include "simulator/board_tree.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <fstream>
#include <system_error>

namespace tegrascope::simulator {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds kSlowPeriod = std::chrono::milliseconds{100};
constexpr double kShuntOhm = 0.005;

struct ZoneRow {
  int number;
  double BoardState::*celsius;
  double offset;
};
// Numbers as in write_static_tree: cpu, gpu, soc0, soc1, soc2, tj. cv0 to cv2 (2 to 4) are gated.
constexpr std::array kZones{
    ZoneRow{0, &BoardState::cpu_celsius, 0.0}, ZoneRow{1, &BoardState::gpu_celsius, 0.0},
    ZoneRow{5, &BoardState::soc_celsius, 0.4}, ZoneRow{6, &BoardState::soc_celsius, 0.6},
    ZoneRow{7, &BoardState::soc_celsius, 0.0}, ZoneRow{8, &BoardState::gpu_celsius, 0.1}};

std::string line(std::uint64_t value) { return fmt::format("{}\n", value); }

std::string milli_celsius(double celsius) { return fmt::format("{}\n", std::lround(celsius * 1000)); }

std::uint64_t shunt_microvolts(const SensorRail& rail) {
  return static_cast<std::uint64_t>(std::lround(rail.milliamperes * kShuntOhm * 1000.0));
}

// A power mode sets the limit; cooling holds the clock below it.
std::uint64_t gpu_limit_hertz(const Conditions& conditions) {
  return conditions.power_mode == 1
             ? 1020000000
             : static_cast<std::uint64_t>(std::lround(10 * conditions.clock_ratio)) * 102000000;
}

std::uint64_t cooling_state(const Conditions& conditions) { return conditions.too_warm ? 4 : 0; }

std::int64_t unix_now() { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); }

}  // namespace

BoardTree::BoardTree(fs::path root, const ProcessTreeOptions& options, const BoardState& state)
    : root_(std::move(root)),
      boot_time_unix_(unix_now() - static_cast<std::int64_t>(to_seconds(state.uptime))),
      slow_written_(state.at),
      line_(state),
      processes_(root_ / "proc", options, state),
      stat_(root_ / "proc/stat", proc_stat_text(state, boot_time_unix_)),
      meminfo_(root_ / "proc/meminfo", meminfo_text(memory_use(state))),
      swaps_(root_ / "proc/swaps", swaps_text()),
      uptime_(root_ / "proc/uptime", uptime_text(state)),
      loadavg_(root_ / "proc/loadavg", loadavg_text(state)),
      gpu_load_(root_ / kGpuFolder / "load", line(0)),
      gpu_frequency_(root_ / kDevfreqFolder / "cur_freq", line(state.gpu_frequency_hertz)),
      gpu_limit_(root_ / kDevfreqFolder / "max_freq", line(gpu_limit_hertz(state.conditions))),
      cooling_(root_ / kCoolingFolder / "cur_state", line(cooling_state(state.conditions))),
      shunt_sum_(root_ / kInaFolder / "in7_input", line(0)),
      current_sum_(root_ / kInaFolder / "curr4_input", line(0)) {
  write_static_tree(root_);
  const fs::path ina = root_ / kInaFolder;
  for (int i = 1; i <= 3; ++i)
    rails_.push_back({InPlaceFile(ina / fmt::format("in{}_input", i), line(0)),
                      InPlaceFile(ina / fmt::format("curr{}_input", i), line(0)),
                      InPlaceFile(ina / fmt::format("in{}_input", i + 3), line(0))});
  for (const ZoneRow& row : kZones) {
    const fs::path zone = root_ / fmt::format("sys/devices/virtual/thermal/thermal_zone{}", row.number);
    zones_.push_back(
        {InPlaceFile(zone / "temp", milli_celsius(state.*row.celsius)), row.celsius, row.offset});
  }
  for (int i = 0; i < kBoardCores; ++i)
    core_frequencies_.emplace_back(
        root_ / fmt::format("sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq", i), line(729600));
  write_fast(state);
  write_slow(state);
}

void BoardTree::write_fast(const BoardState& state) {
  stat_.write(proc_stat_text(state, boot_time_unix_));
  gpu_load_.write(line(static_cast<std::uint64_t>(state.gpu_load_permille)));
  gpu_frequency_.write(line(state.gpu_frequency_hertz));
  std::uint64_t shunts = 0;
  std::uint64_t currents = 0;
  for (std::size_t i = 0; i < rails_.size(); ++i) {
    const SensorRail& rail = state.rails[i];
    rails_[i].volts.write(line(rail.millivolts));
    rails_[i].amperes.write(line(rail.milliamperes));
    rails_[i].shunt.write(line(shunt_microvolts(rail)));
    shunts += shunt_microvolts(rail);
    currents += rail.milliamperes;
  }
  shunt_sum_.write(line(shunts));
  current_sum_.write(line(currents));
}

void BoardTree::write_slow(const BoardState& state) {
  meminfo_.write(meminfo_text(memory_use(state)));
  uptime_.write(uptime_text(state));
  loadavg_.write(loadavg_text(state));
  for (Zone& zone : zones_) zone.file.write(milli_celsius(state.*zone.celsius + zone.offset));
  for (std::size_t i = 0; i < core_frequencies_.size(); ++i)
    core_frequencies_[i].write(
        line(state.cores[i].frequency_khz != 0 ? state.cores[i].frequency_khz : 729600));
  gpu_limit_.write(line(gpu_limit_hertz(state.conditions)));
  write_power_mode(state);
  cooling_.write(line(cooling_state(state.conditions)));
  write_tegrastats_line(state);
  slow_written_ = state.at;
}

// As nvpmodel writes it: the file anew, when the mode changes.
void BoardTree::write_power_mode(const BoardState& state) {
  if (state.conditions.power_mode == power_mode_) return;
  power_mode_ = state.conditions.power_mode;
  const fs::path path = root_ / "var/lib/nvpmodel/status";
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::trunc) << fmt::format("pmode:{:04}\n", power_mode_);
}

void BoardTree::write_tegrastats_line(const BoardState& state) {
  const fs::path path = root_ / "run/tegrastats.line";
  const fs::path fresh = root_ / "run/tegrastats.line.new";
  fs::create_directories(path.parent_path());
  std::ofstream(fresh, std::ios::trunc) << line_.next(state, std::chrono::system_clock::now());
  fs::rename(fresh, path);
}

void BoardTree::update(const BoardState& state) {
  processes_.update(state);
  write_fast(state);
  if (state.at - slow_written_ >= kSlowPeriod) write_slow(state);
}

fs::path BoardTree::tegrastats() const { return root_ / "usr/bin/tegrastats"; }

}  // namespace tegrascope::simulator
