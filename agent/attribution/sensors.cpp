#include "agent/attribution/sensors.hpp"

#include <algorithm>

namespace tegrascope {

Sensors::Sensors(const SensorOptions& options)
    : options_(options),
      power_(options.power_lag, options.max_gap),
      gpu_(options.gpu_lag, options.max_gap),
      total_cpu_(options.max_gap) {}

void Sensors::add_runner_cpu(const ProcessId& id, MonotonicTime at, Nanoseconds cpu_time) {
  runners_.try_emplace(id, options_.max_gap).first->second.add(at, cpu_time);
}

std::optional<MonotonicTime> Sensors::covered_until(MonotonicTime now) const {
  std::optional<MonotonicTime> oldest;
  const auto consider = [&](std::optional<MonotonicTime> last) {
    if (last && now - *last <= options_.max_gap) oldest = oldest ? std::min(*oldest, *last) : *last;
  };
  consider(power_.last());
  consider(gpu_.last());
  for (const auto& [id, curve] : runners_) consider(curve.last());
  return oldest;
}

std::optional<MonotonicTime> Sensors::next_sample(MonotonicTime t) const {
  const auto a = power_.next_after(t);
  const auto b = gpu_.next_after(t);
  if (a && b) return std::min(*a, *b);
  return a ? a : b;
}

}  // namespace tegrascope
