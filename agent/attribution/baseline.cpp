#include "agent/attribution/baseline.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSeconds = 600;
constexpr std::size_t kValidFrom = 60;  // seconds
constexpr Nanoseconds kMinimumOver = 1h;
constexpr Nanoseconds kForgetAfter = 24h;
constexpr std::size_t kMaxKeys = 64;

// The key and what stands in for it, most exact first.
std::array<IdleKey, 3> chain(const IdleKey& key) {
  IdleKey any_temperature = key;
  any_temperature.temperature_decade.reset();
  IdleKey any_residency = any_temperature;
  any_residency.model_resident.reset();
  return {key, any_temperature, any_residency};
}

}  // namespace

bool IdlePower::fill(Mean& mean, MonotonicTime at, double watts, Nanoseconds duration, Nanoseconds length) {
  mean.at = at;
  mean.joules += watts * to_seconds(duration);
  mean.duration += duration;
  return mean.duration >= length;
}

void IdlePower::add(MonotonicTime at, double watts, Nanoseconds duration) {
  last_ = at;
  if (fill(second_, at, watts, duration, 1s)) {
    seconds_.push_back(std::exchange(second_, {}));
    if (seconds_.size() > kSeconds) seconds_.pop_front();
    quantile_.reset();
  }
  if (fill(half_minute_, at, watts, duration, 30s)) half_minutes_.push_back(std::exchange(half_minute_, {}));
  while (!half_minutes_.empty() && at - half_minutes_.front().at > kMinimumOver) half_minutes_.pop_front();
}

void IdlePower::restore(double watts, MonotonicTime last) {
  restored_ = watts;
  last_ = last;
}

std::optional<double> IdlePower::watts(MonotonicTime now) const {
  if (now - last_ > kForgetAfter) return std::nullopt;
  if (seconds_.size() < kValidFrom) {
    std::optional<double> watts = restored_;
    for (const Mean& m : half_minutes_) {
      if (watts) watts = std::min(*watts, m.watts());
    }
    return watts;
  }
  if (!quantile_) {
    std::vector<double> sorted;
    sorted.reserve(seconds_.size());
    for (const Mean& s : seconds_) sorted.push_back(s.watts());
    const auto tenth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 10);
    std::nth_element(sorted.begin(), tenth, sorted.end());
    quantile_ = *tenth;
    for (const Mean& m : half_minutes_) quantile_ = std::min(*quantile_, m.watts());
  }
  return quantile_;
}

void IdleBaseline::add(const IdleKey& key, MonotonicTime at, double watts, Nanoseconds duration) {
  if (duration <= Nanoseconds::zero()) return;
  const IdleKey* previous = nullptr;
  const auto keys = chain(key);
  for (const IdleKey& k : keys) {
    if (previous == nullptr || k != *previous) powers_[k].add(at, watts, duration);
    previous = &k;
  }
  while (powers_.size() > kMaxKeys) {
    powers_.erase(std::min_element(powers_.begin(), powers_.end(), [](const auto& a, const auto& b) {
      return a.second.last() < b.second.last();
    }));
  }
}

void IdleBaseline::restore(const IdleKey& key, double watts, MonotonicTime last) {
  if (powers_.size() < kMaxKeys && watts > 0) powers_.try_emplace(key).first->second.restore(watts, last);
}

std::optional<double> IdleBaseline::watts(const IdleKey& key, MonotonicTime now) const {
  for (const IdleKey& k : chain(key)) {
    const auto it = powers_.find(k);
    if (it == powers_.end()) continue;
    if (const auto watts = it->second.watts(now)) return watts;
  }
  return std::nullopt;
}

}  // namespace tegrascope
