#include "simulator/virtual/sensors.hpp"

#include <algorithm>
#include <cmath>

#include "simulator/board.hpp"

namespace tegrascope::simulator {
namespace {

constexpr Nanoseconds kCycle{6'600'000};
constexpr Nanoseconds kLook{1'100'000};
constexpr double kStepWatts = 0.04;
constexpr Nanoseconds kGpuSample{16'700'000};
constexpr int kGpuSamples = 17;

}  // namespace

PowerMonitor::PowerMonitor(const VirtualScenario& scenario, std::uint64_t seed)
    : random_(seed ^ 0xA0761D6478BD642FULL),
      samples_(scenario.averaging_samples),
      noise_(scenario.noise_watts),
      gain_(scenario.gain),
      offset_(scenario.offset_watts) {}

double PowerMonitor::averaging_seconds() const { return samples_ > 1 ? to_seconds(kCycle) * samples_ : 0.0; }

double PowerMonitor::look(const PowerHistory& history, std::int64_t cycle) {
  const MonotonicTime begin{kCycle * cycle};
  return history.mean_watts(begin, begin + kLook);
}

void PowerMonitor::advance(const PowerHistory& history) {
  if (samples_ <= 1) return;
  const std::int64_t end = (history.end().time_since_epoch() - kLook) / kCycle;  // first cycle not looked at
  while (next_cycle_ < end) {
    const PowerPiece* piece = history.at(MonotonicTime{kCycle * next_cycle_});
    std::int64_t alike = 1;
    double watts = 0;
    if (piece != nullptr && piece->ripple.peak_to_peak_microwatts == 0) {
      // All looks that lie in a piece of constant power at once.
      const std::int64_t inside = (piece->end.time_since_epoch() - kLook) / kCycle + 1 - next_cycle_;
      alike = std::clamp<std::int64_t>(inside, 1, end - next_cycle_);
      watts = inside >= 1 ? static_cast<double>(piece->microwatts) * 1e-6 : look(history, next_cycle_);
    } else {
      watts = look(history, next_cycle_);
    }
    const double kept = std::pow(1.0 - 1.0 / samples_, static_cast<double>(alike));
    average_ = average_ ? watts + (*average_ - watts) * kept : watts;
    next_cycle_ += alike;
  }
}

double PowerMonitor::read(const PowerHistory& history, MonotonicTime t) {
  double watts = 0;
  double noise = noise_;
  if (samples_ > 1) {
    advance(history);
    watts = average_.value_or(0.0);
    noise = noise_ / std::sqrt(2.0 * samples_);
  } else {
    watts = look(history, std::max<std::int64_t>((t.time_since_epoch() - kLook) / kCycle, 0));
  }
  watts = watts * (1 + gain_) + offset_ + std::normal_distribution<>(0.0, 1.0)(random_) * noise;
  return std::round(watts / kStepWatts) * kStepWatts;
}

VirtualSensors::VirtualSensors(const VirtualScenario& scenario, std::uint64_t seed)
    : faults_(scenario.faults), random_(seed ^ 0xE7037ED1A0B428DBULL), power_(scenario, seed) {}

const SensorFault* VirtualSensors::fault_of(std::string_view sensor, MonotonicTime t) const {
  const double now = to_seconds(t.time_since_epoch());
  for (const SensorFault& fault : faults_) {
    if ((fault.sensor == sensor || fault.sensor == "all") && now >= fault.at_seconds &&
        now < fault.at_seconds + fault.for_seconds)
      return &fault;
  }
  return nullptr;
}

template <class Fresh>
void VirtualSensors::deliver(std::vector<Batch>& out, const char* collector, const char* sensor,
                             MonotonicTime t, std::optional<Batch>& last, Fresh fresh) {
  const SensorFault* fault = fault_of(sensor, t);
  if (fault != nullptr && fault->kind == SensorFaultKind::silent) return;
  Batch batch;
  if (fault != nullptr && fault->kind == SensorFaultKind::stuck) {
    batch.readings.push_back({Signal::gpu_utilization_ratio, "0", "", fault->value, t});
  } else if (fault == nullptr || (fault->kind == SensorFaultKind::frozen && !last)) {
    batch = fresh();
    last = batch;
  } else if (fault->kind == SensorFaultKind::frozen) {
    batch = *last;
    for (Reading& reading : batch.readings) reading.at = t;
    for (ProcessReading& process : batch.processes) process.at = t;
  } else {
    batch.errors.push_back(
        {ErrorReason::missing, std::string("/sys/simulated/") + sensor + ": no such file"});
  }
  batch.collector = collector;
  batch.started = t;
  batch.finished = t + std::chrono::microseconds{550};
  out.push_back(std::move(batch));
}

Batch VirtualSensors::rails(const VirtualOllama& ollama, MonotonicTime t) {
  Batch batch;
  const double watts = power_.read(ollama.workload().history(), t);
  batch.readings.push_back({Signal::board_power_watts, "", "input_rail", watts, t});
  batch.readings.push_back({Signal::board_averaging_seconds, "", "", power_.averaging_seconds(), t});
  return batch;
}

Batch VirtualSensors::gpu(const VirtualOllama& ollama, MonotonicTime t) {
  const MonotonicTime end{kGpuSample * (t.time_since_epoch() / kGpuSample)};
  const double mean = ollama.workload().history().mean_gpu(end - kGpuSamples * kGpuSample, end);
  const double noise = mean > 0.02 ? std::normal_distribution<>(0.0, 0.008)(random_) : 0.0;
  Batch batch;
  const double load = std::round(std::clamp(mean + noise, 0.0, 1.0) * 1000.0) / 1000.0;
  batch.readings.push_back({Signal::gpu_utilization_ratio, "0", "", load, t});
  return batch;
}

Batch VirtualSensors::cpu(const VirtualOllama& ollama, MonotonicTime t) {
  Batch batch;
  const double up = to_seconds(t.time_since_epoch());
  const auto& cores = ollama.workload().core_seconds();
  for (std::size_t i = 0; i < cores.size(); ++i) {
    const std::string core = std::to_string(i);
    batch.readings.push_back({Signal::cpu_seconds, core, "user", std::floor(cores[i] * 100.0) / 100.0, t});
    batch.readings.push_back(
        {Signal::cpu_seconds, core, "idle", std::floor(std::max(up - cores[i], 0.0) * 100.0) / 100.0, t});
  }
  const double bytes = ollama.workload().bytes_per_second();
  batch.readings.push_back({Signal::emc_utilization_ratio, "", "", std::min(bytes / 102.4e9, 1.0), t});
  return batch;
}

// Clocks, power mode, throttling, swap: as the conditions are now; the counters grow from sample to sample.
Batch VirtualSensors::board(const VirtualOllama& ollama, MonotonicTime t) {
  const BoardCondition& now = ollama.board();
  const double span = to_seconds(t - counted_until_);
  counted_until_ = t;
  swapped_in_bytes_ += now.swap_in_bytes_per_second * span;
  stalled_seconds_ += now.stalled_share * span;
  Batch batch;
  batch.readings = {{Signal::gpu_frequency_max_hertz, "0", "", now.gpu_hertz, t},
                    {Signal::nvpmodel_mode, "", "", static_cast<double>(now.power_mode), t},
                    {Signal::throttled, "", "thermal", now.throttled ? 1.0 : 0.0, t},
                    {Signal::swap_in_bytes, "", "", swapped_in_bytes_, t},
                    {Signal::memory_stalled_seconds, "", "some", stalled_seconds_, t}};
  return batch;
}

std::vector<Batch> VirtualSensors::sample(const VirtualOllama& ollama, MonotonicTime t, bool slow) {
  std::vector<Batch> out;
  if (slow) deliver(out, "cpu", "cpu", t, last_cpu_, [&] { return cpu(ollama, t); });
  if (slow) deliver(out, "board", "board", t, last_board_, [&] { return board(ollama, t); });
  deliver(out, "processes", "processes", t, last_processes_, [&] {
    Batch batch;
    batch.processes = ollama.processes(t);
    batch.lists_processes = true;
    return batch;
  });
  deliver(out, "gpu", "gpu", t, last_gpu_, [&] { return gpu(ollama, t); });
  deliver(out, "rails", "power", t, last_rails_, [&] { return rails(ollama, t); });
  return out;
}

}  // namespace tegrascope::simulator
