// The simulated board: what its one runner does, and everything that follows from it. Between two changes of
// work power, GPU and CPU are constant, so the truth (joules, GPU seconds) is an exact sum; noise is added
// only to what the sensors show.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"
#include "simulator/models.hpp"
#include "simulator/physics.hpp"

namespace tegrascope::simulator {

inline constexpr int kBoardCores = 6;
inline constexpr Nanoseconds kBootedBefore = std::chrono::hours{3};  // uptime when the simulation starts

// How the engine process looks: llama-server (Ollama 0.30 and later) or `ollama runner` (0.5.8 to 0.24).
enum class RunnerKind : std::uint8_t { llama_server, ollama_runner };

// A model's engine process.
struct RunnerState {
  std::int64_t pid = 0;
  RunnerKind kind = RunnerKind::llama_server;
  SimulatedModel model;
  Placement placement = Placement::gpu;
  double gpu_fraction = 1;
  std::uint16_t port = 0;
  std::uint64_t start_ticks = 0;  // since boot, 100 per second
  double user_seconds = 0;        // CPU time, cumulative
  double system_seconds = 0;
  std::uint64_t resident_bytes = 0;
  bool loading = false;
};

struct CoreState {  // seconds since boot, cumulative
  double user = 0;
  double system = 0;
  double idle = 0;
  double iowait = 0;
  std::uint64_t frequency_khz = 0;
};

struct SensorRail {
  std::uint32_t millivolts = 0;
  std::uint32_t milliamperes = 0;
  double milliwatts() const { return millivolts * static_cast<double>(milliamperes) / 1000.0; }
};

// What the sensors show at one instant.
struct BoardState {
  MonotonicTime at{};
  Nanoseconds uptime{};
  std::array<CoreState, kBoardCores> cores{};
  double serve_seconds = 0;       // CPU time of `ollama serve`
  double background_seconds = 0;  // CPU time of the unrelated process
  int gpu_load_permille = 0;      // moving average of 17 samples of 16.7 ms, as nvgpu shows it
  std::uint64_t gpu_frequency_hertz = 0;
  std::array<SensorRail, 3> rails{};  // VDD_IN, VDD_CPU_GPU_CV, VDD_SOC
  double cpu_celsius = 0, gpu_celsius = 0, soc_celsius = 0;
  std::uint64_t gpu_bytes = 0;          // of the shared memory, through nvmap
  std::uint64_t model_cache_bytes = 0;  // page cache that the runner maps
  std::uint64_t anonymous_bytes = 0;    // of the runner
  std::optional<RunnerState> runner;
  Conditions conditions;
};

// Any thread. Times must not go back; a call with an earlier time than the last counts as the last.
class SimulatedBoard {
 public:
  SimulatedBoard(std::uint64_t seed, MonotonicTime start);

  // A new engine process with a pid that was never used; it loads until the work is set to something else.
  // Replaces the runner there was, if any. `load_time` only paces the memory's growth.
  std::int64_t start_runner(const SimulatedModel& model, Placement placement, double gpu_fraction,
                            std::uint16_t port, RunnerKind kind, Nanoseconds load_time, MonotonicTime now);
  void end_runner(MonotonicTime now);
  // Ignored when there is no runner.
  void set_work(RunnerWork work, MonotonicTime now);

  void set_conditions(const Conditions& conditions, MonotonicTime now);
  Conditions conditions();

  BoardState sample(MonotonicTime now);

  // Truth since the start, without noise.
  double vdd_in_joules(MonotonicTime now);
  double gpu_busy_seconds(MonotonicTime now);

 private:
  void advance(MonotonicTime now);
  void spread_cpu(double runner_cores, double seconds);
  BoardLoad load() const;
  double gpu_busy_at(MonotonicTime t) const;
  double loaded_share(MonotonicTime now) const;
  int gpu_load_permille(MonotonicTime now);
  SensorRail read_rail(double watts, double noise_watts);

  std::mutex mutex_;
  std::mt19937_64 random_;
  const MonotonicTime start_;
  MonotonicTime now_;
  RunnerWork work_ = RunnerWork::idle;
  std::optional<RunnerState> runner_;
  Conditions conditions_;
  std::int64_t next_pid_ = 2214;
  MonotonicTime load_began_{};
  Nanoseconds load_time_{};
  std::array<CoreState, kBoardCores> cores_{};
  double serve_seconds_ = 0;
  double background_seconds_ = 0;
  double joules_ = 0;
  double gpu_busy_ = 0;
  double heat_ = 0;  // degrees above the idle board, first order
  struct BusyPoint {
    MonotonicTime at;
    double busy;
  };
  std::deque<BusyPoint> busy_points_;  // of the last second: gpu_busy_ at each change
  std::int64_t last_gpu_sample_ = -1;
  int gpu_permille_ = 0;
};

}  // namespace tegrascope::simulator
