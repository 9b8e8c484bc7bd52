// The curves of everything that the ledger integrates, and the watermark behind which a slice is final.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "agent/attribution/sample_curve.hpp"
#include "agent/model/reading.hpp"

namespace tegrascope {

struct SensorOptions {
  // INA3221: half a cycle of three channels at the reset configuration (TI SBOS576).
  Nanoseconds power_lag = std::chrono::microseconds(3300);
  // nvgpu's PMU perfmon: moving average of 17 samples of 16.7 ms, mean age 142 ms (nvgpu pmu_perfmon.c).
  Nanoseconds gpu_lag = std::chrono::milliseconds(142);
  // One step of the power monitor's converter: 40 uV over 5 mOhm at 5 V.
  double power_step_watts = 0.04;
  // Nothing was measured between samples further apart: three idle sampling intervals.
  Nanoseconds max_gap = std::chrono::seconds(3);
};

class Sensors {
 public:
  explicit Sensors(const SensorOptions& options);

  // Time constant of the running average that the power sensor makes; zero: none.
  void set_power_averaging(Nanoseconds time_constant) { power_.set_averaging(time_constant); }
  void add_power(MonotonicTime at, double watts) { power_.add(at, watts); }
  void add_gpu_load(MonotonicTime at, double ratio) { gpu_.add(at, ratio); }
  void add_total_cpu(MonotonicTime at, Nanoseconds busy) { total_cpu_.add(at, busy); }
  void add_runner_cpu(const ProcessId& id, MonotonicTime at, Nanoseconds cpu_time);
  void forget_runner(const ProcessId& id) { runners_.erase(id); }

  // The oldest last sample of the sources that are alive (newest sample within max_gap of now); absent: no
  // source.
  std::optional<MonotonicTime> covered_until(MonotonicTime now) const;

  // Next sample of power or GPU load after t.
  std::optional<MonotonicTime> next_sample(MonotonicTime t) const;

  const SampleCurve& power() const { return power_; }
  const SampleCurve& gpu() const { return gpu_; }
  const CounterCurve& total_cpu() const { return total_cpu_; }
  const std::map<ProcessId, CounterCurve>& runners() const { return runners_; }

 private:
  SensorOptions options_;
  SampleCurve power_;
  SampleCurve gpu_;
  CounterCurve total_cpu_;
  std::map<ProcessId, CounterCurve> runners_;
};

}  // namespace tegrascope
