// The board's sensors, with the faults of the real ones, read at instants of virtual time.
//
//   power   INA3221: of a cycle of 6.6 ms the monitor looks 1.1 ms at this rail, so a reading is one short
//           look, up to a cycle old; in steps of 40 mW (5 mOhm at 5 V); with averaging the mean runs through
//           new = old + (x - old) / N (TI SBOS576).
//   GPU     nvgpu's perfmon: mean of 17 samples of 16.7 ms, per mille; 0 once the GPU is powered off.
//   CPU     /proc: ticks of 10 ms.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "agent/model/reading.hpp"
#include "simulator/virtual/ollama.hpp"

namespace tegrascope::simulator {

class PowerMonitor {
 public:
  PowerMonitor(const VirtualScenario& scenario, std::uint64_t seed);
  // Takes in what the board drew up to the end of the history. Call before the history forgets.
  void advance(const PowerHistory& history);
  // What the chip shows at t, watts; t not before the last advance's end.
  double read(const PowerHistory& history, MonotonicTime t);
  double averaging_seconds() const;

 private:
  double look(const PowerHistory& history, std::int64_t cycle);

  std::mt19937_64 random_;
  int samples_;
  double noise_, gain_, offset_;
  std::int64_t next_cycle_ = 0;
  std::optional<double> average_;
};

class VirtualSensors {
 public:
  VirtualSensors(const VirtualScenario& scenario, std::uint64_t seed);

  void advance(const PowerHistory& history) { power_.advance(history); }

  // One slot of the sampler at t: a batch for each collector that answers. `slow`: the collectors that run
  // once a second are due as well.
  std::vector<Batch> sample(const VirtualOllama& ollama, MonotonicTime t, bool slow);

 private:
  const SensorFault* fault_of(std::string_view sensor, MonotonicTime t) const;
  // Fills in `batch` with what `fresh` reads, or what the sensor's fault makes of it.
  template <class Fresh>
  void deliver(std::vector<Batch>& out, const char* collector, const char* sensor, MonotonicTime t,
               std::optional<Batch>& last, Fresh fresh);
  Batch rails(const VirtualOllama& ollama, MonotonicTime t);
  Batch gpu(const VirtualOllama& ollama, MonotonicTime t);
  Batch cpu(const VirtualOllama& ollama, MonotonicTime t);
  Batch board(const VirtualOllama& ollama, MonotonicTime t);

  std::vector<SensorFault> faults_;
  std::mt19937_64 random_;
  PowerMonitor power_;
  std::optional<Batch> last_rails_, last_gpu_, last_cpu_, last_processes_, last_board_;
  MonotonicTime counted_until_{};
  double swapped_in_bytes_ = 0;
  double stalled_seconds_ = 0;
};

}  // namespace tegrascope::simulator
