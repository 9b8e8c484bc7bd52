#include "simulator/board.hpp"

#include <algorithm>
#include <cmath>

namespace tegrascope::simulator {
namespace {

using std::chrono::duration;

constexpr double kBackgroundCores = 0.06;  // an unrelated process, and the kernel's own work
constexpr double kServeCores = 0.02;       // `ollama serve` passes tokens on
constexpr double kHeatSeconds = 45.0;      // time constant of the heat sink
constexpr double kDegreesPerWatt = 2.2;
constexpr double kHotAirCelsius = 38.0;
constexpr double kIdleCelsius = 47.5;  // tegrastats of an idle Orin Nano: 46.7 to 50.2 C

// nvgpu's perfmon: a sample each 16.7 ms, the file shows the mean of 17.
constexpr Nanoseconds kGpuSample{16'700'000};
constexpr int kGpuSamples = 17;

constexpr std::uint64_t kIdleKhz = 729600;
constexpr std::uint64_t kBusyKhz = 1728000;

}  // namespace

SimulatedBoard::SimulatedBoard(std::uint64_t seed, MonotonicTime start)
    : random_(seed), start_(start), now_(start) {
  const double up = to_seconds(kBootedBefore);
  for (CoreState& core : cores_) {
    core.user = up * 0.01;
    core.system = up * 0.005;
    core.iowait = up * 0.001;
    core.idle = up - core.user - core.system - core.iowait;
  }
  serve_seconds_ = 3.1;
  background_seconds_ = 120.0;
  busy_points_.push_back({start, 0.0});
}

BoardLoad SimulatedBoard::load() const {
  if (!runner_) return under(idle_load(), conditions_);
  return under(board_load(work_, runner_->model, runner_->placement, runner_->gpu_fraction), conditions_);
}

void SimulatedBoard::spread_cpu(double runner_cores, double seconds) {
  const bool serving = work_ == RunnerWork::prefill || work_ == RunnerWork::decode;
  const double other = kBackgroundCores + (serving ? kServeCores : 0.0);
  background_seconds_ += kBackgroundCores * seconds;
  if (serving) serve_seconds_ += kServeCores * seconds;
  const double system_share = work_ == RunnerWork::load ? 0.6 : 0.05;
  if (runner_) {
    runner_->user_seconds += runner_cores * (1 - system_share) * seconds;
    runner_->system_seconds += runner_cores * system_share * seconds;
  }
  // Few threads stay on one core; many use all of them alike.
  double left = runner_cores;
  for (int i = 0; i < kBoardCores; ++i) {
    CoreState& core = cores_[static_cast<std::size_t>((i + 2) % kBoardCores)];
    const double mine = runner_cores > 1 ? runner_cores / kBoardCores : std::min(left, 0.95);
    left -= mine;
    const double user = mine * (1 - system_share) + other * 0.7 / kBoardCores;
    const double system = mine * system_share + other * 0.3 / kBoardCores;
    const double waiting = work_ == RunnerWork::load && i == 1 ? 0.5 : 0.0;
    core.user += user * seconds;
    core.system += system * seconds;
    core.iowait += waiting * seconds;
    core.idle += (1.0 - user - system - waiting) * seconds;
    core.frequency_khz = mine > 0.2 ? kBusyKhz : kIdleKhz;
  }
}

void SimulatedBoard::advance(MonotonicTime now) {
  if (now <= now_) return;
  const double seconds = to_seconds(now - now_);
  const BoardLoad current = load();
  joules_ += current.power.vdd_in * seconds;
  gpu_busy_ += current.gpu * seconds;
  spread_cpu(current.runner_cores, seconds);
  const double target = (current.power.vdd_in - idle_load().power.vdd_in) * kDegreesPerWatt;
  heat_ = target + (heat_ - target) * std::exp(-seconds / kHeatSeconds);
  now_ = now;
  busy_points_.push_back({now, gpu_busy_});
  while (busy_points_.size() > 2 && busy_points_[1].at < now - std::chrono::seconds{1})
    busy_points_.pop_front();
}

std::int64_t SimulatedBoard::start_runner(const SimulatedModel& model, Placement placement,
                                          double gpu_fraction, std::uint16_t port, RunnerKind kind,
                                          Nanoseconds load_time, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  RunnerState runner;
  runner.pid = next_pid_;
  next_pid_ += 23;
  runner.kind = kind;
  runner.model = model;
  runner.placement = placement;
  runner.gpu_fraction =
      placement == Placement::partial ? gpu_fraction : (placement == Placement::gpu ? 1.0 : 0.0);
  runner.port = port;
  runner.start_ticks = static_cast<std::uint64_t>(to_seconds(kBootedBefore + (now_ - start_)) * 100.0);
  runner_ = runner;
  work_ = RunnerWork::load;
  load_began_ = now_;
  load_time_ = load_time;
  return runner.pid;
}

void SimulatedBoard::end_runner(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  runner_.reset();
  work_ = RunnerWork::idle;
}

void SimulatedBoard::set_work(RunnerWork work, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  if (!runner_) return;
  work_ = work;
}

void SimulatedBoard::set_conditions(const Conditions& conditions, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  conditions_ = conditions;
}

Conditions SimulatedBoard::conditions() {
  const std::lock_guard lock(mutex_);
  return conditions_;
}

double SimulatedBoard::gpu_busy_at(MonotonicTime t) const {
  if (t <= busy_points_.front().at) return busy_points_.front().busy;
  for (std::size_t i = 1; i < busy_points_.size(); ++i) {
    const BusyPoint& a = busy_points_[i - 1];
    const BusyPoint& b = busy_points_[i];
    if (t <= b.at) return a.busy + (b.busy - a.busy) * to_seconds(t - a.at) / to_seconds(b.at - a.at);
  }
  return busy_points_.back().busy;
}

int SimulatedBoard::gpu_load_permille(MonotonicTime now) {
  const std::int64_t sample = (now - start_) / kGpuSample;
  if (sample == last_gpu_sample_) return gpu_permille_;
  last_gpu_sample_ = sample;
  const MonotonicTime end = start_ + sample * kGpuSample;
  const Nanoseconds window = kGpuSamples * kGpuSample;
  const double mean = (gpu_busy_at(end) - gpu_busy_at(end - window)) / to_seconds(window);
  const double noise = mean > 0.02 ? std::normal_distribution<>(0.0, 0.008)(random_) : 0.0;
  gpu_permille_ = static_cast<int>(std::lround(std::clamp(mean + noise, 0.0, 1.0) * 1000.0));
  return gpu_permille_;
}

SensorRail SimulatedBoard::read_rail(double watts, double noise_watts) {
  const double seen = std::max(0.0, watts + std::normal_distribution<>(0.0, noise_watts)(random_));
  // INA3221: steps of 8 mV, and of 8 mA over 5 mOhm; the supply sags a little under load.
  const double volts = 5.0 - 0.004 * seen;
  SensorRail rail;
  rail.millivolts = static_cast<std::uint32_t>(std::lround(volts * 1000.0 / 8.0) * 8);
  rail.milliamperes = static_cast<std::uint32_t>(std::lround(seen / volts * 1000.0 / 8.0) * 8);
  return rail;
}

double SimulatedBoard::loaded_share(MonotonicTime now) const {
  if (work_ != RunnerWork::load || load_time_.count() <= 0) return 1.0;
  return std::clamp(to_seconds(now - load_began_) / to_seconds(load_time_), 0.0, 1.0);
}

BoardState SimulatedBoard::sample(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const BoardLoad current = load();
  BoardState state;
  state.at = now_;
  state.uptime = kBootedBefore + (now_ - start_);
  state.cores = cores_;
  state.serve_seconds = serve_seconds_;
  state.background_seconds = background_seconds_;
  state.gpu_load_permille = gpu_load_permille(now_);
  state.conditions = conditions_;
  state.gpu_frequency_hertz =
      current.gpu > 0.05 ? static_cast<std::uint64_t>(std::lround(10 * conditions_.clock_ratio)) * 102000000
                         : 306000000;
  state.rails[0] = read_rail(current.power.vdd_in, 0.030);
  state.rails[1] = read_rail(current.power.vdd_cpu_gpu_cv, 0.015);
  state.rails[2] = read_rail(current.power.vdd_soc, 0.010);
  std::normal_distribution<> flicker(0.0, 0.06);
  const double still_air = kIdleCelsius + (conditions_.too_warm ? kHotAirCelsius : 0.0);
  state.cpu_celsius = still_air + heat_ + 0.5 * current.runner_cores + flicker(random_);
  state.gpu_celsius = still_air + heat_ + 1.8 * current.gpu + flicker(random_);
  state.soc_celsius = still_air - 0.6 + 0.9 * heat_ + flicker(random_);
  if (runner_) {
    RunnerState& runner = *runner_;
    runner.loading = work_ == RunnerWork::load;
    const double share = loaded_share(now_);
    const double in_gpu = runner.gpu_fraction;
    const double weights = static_cast<double>(runner.model.weights_bytes) * share;
    const double working = static_cast<double>(runner.model.working_bytes) * share;
    state.gpu_bytes = static_cast<std::uint64_t>((weights + working) * in_gpu);
    state.model_cache_bytes = static_cast<std::uint64_t>(weights * (1 - in_gpu));
    state.anonymous_bytes = static_cast<std::uint64_t>(working * (1 - in_gpu)) + 160'000'000;
    runner.resident_bytes = state.model_cache_bytes + state.anonymous_bytes;
    state.runner = runner;
  }
  return state;
}

double SimulatedBoard::vdd_in_joules(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  return joules_;
}

double SimulatedBoard::gpu_busy_seconds(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  return gpu_busy_;
}

}  // namespace tegrascope::simulator
