#include "agent/attribution/sample_curve.hpp"

#include <algorithm>

#include "agent/attribution/averaging.hpp"

namespace tegrascope {
namespace {

// 10 Hz for 27 minutes: longer than the 10 minutes that a request may stay unresolved.
constexpr std::size_t kCapacity = 16384;

}  // namespace

SampleCurve::SampleCurve(Nanoseconds lag, Nanoseconds max_gap) : lag_(lag), max_gap_(max_gap) {}

void SampleCurve::add(MonotonicTime read_at, double value) {
  const MonotonicTime at = read_at - lag_;
  if (!samples_.empty() && at <= samples_.back().at) return;
  samples_.push_back({at, value});
  if (samples_.size() > kCapacity) samples_.pop_front();
}

std::optional<MonotonicTime> SampleCurve::first() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.front().at;
}

std::optional<MonotonicTime> SampleCurve::last() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.back().at;
}

std::optional<double> SampleCurve::latest() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.back().value;
}

std::size_t SampleCurve::upper(MonotonicTime t) const {
  const auto it = std::upper_bound(samples_.begin(), samples_.end(), t,
                                   [](MonotonicTime v, const Sample& s) { return v < s.at; });
  return static_cast<std::size_t>(it - samples_.begin());
}

std::optional<MonotonicTime> SampleCurve::next_after(MonotonicTime t) const {
  const std::size_t i = upper(t);
  if (i == samples_.size()) return std::nullopt;
  return samples_[i].at;
}

std::optional<double> SampleCurve::mean_between_samples(MonotonicTime a, MonotonicTime b,
                                                        std::span<const MonotonicTime> boundaries) const {
  const std::size_t i = upper(a);
  if (i == 0 || i == samples_.size()) return std::nullopt;
  const Sample& left = samples_[i - 1];
  const Sample& right = samples_[i];
  if (right.at - left.at > max_gap_) return std::nullopt;
  if (averaged()) return unaveraged_mean_watts(left.value, right.value, right.at - left.at, averaging_);

  const auto inside = std::upper_bound(boundaries.begin(), boundaries.end(), left.at);
  const auto beyond = std::lower_bound(inside, boundaries.end(), right.at);
  if (inside != beyond) {
    if (b <= *inside) return left.value;
    if (a >= *(beyond - 1)) return right.value;
    return (left.value + right.value) / 2;
  }
  const double span = to_seconds(right.at - left.at);
  const double middle = (to_seconds(a - left.at) + to_seconds(b - left.at)) / 2;
  return left.value + (right.value - left.value) * middle / span;
}

bool SampleCurve::unsampled(MonotonicTime a, MonotonicTime b,
                            std::span<const MonotonicTime> boundaries) const {
  const std::size_t i = upper(a);
  if (averaged() || i == 0 || i == samples_.size()) return false;
  const auto before = std::upper_bound(boundaries.begin(), boundaries.end(), samples_[i - 1].at);
  const auto after = std::lower_bound(before, boundaries.end(), samples_[i].at);
  return before != after && b > *before && a < *(after - 1);
}

std::optional<double> SampleCurve::mean_of_samples(MonotonicTime a, MonotonicTime b) const {
  if (averaged()) return std::nullopt;
  double sum = 0;
  int count = 0;
  for (std::size_t i = upper(a); i < samples_.size() && samples_[i].at < b; ++i, ++count)
    sum += samples_[i].value;
  if (count == 0) return std::nullopt;
  return sum / count;
}

std::optional<WindowMean> SampleCurve::mean_over(MonotonicTime a, MonotonicTime b) const {
  WindowMean result;
  double integral = 0;
  for (std::size_t i = std::max<std::size_t>(upper(a), 1); i < samples_.size(); ++i) {
    const Sample& left = samples_[i - 1];
    const Sample& right = samples_[i];
    if (left.at >= b) break;
    const MonotonicTime from = std::max(a, left.at);
    const MonotonicTime to = std::min(b, right.at);
    if (to <= from || right.at - left.at > max_gap_) continue;
    const double slope = (right.value - left.value) / to_seconds(right.at - left.at);
    const double middle = (to_seconds(from - left.at) + to_seconds(to - left.at)) / 2;
    integral += (left.value + slope * middle) * to_seconds(to - from);
    result.covered += to - from;
  }
  if (result.covered <= Nanoseconds::zero()) return std::nullopt;
  result.mean = integral / to_seconds(result.covered);
  result.samples = static_cast<int>(upper(b) - upper(a));
  return result;
}

CounterCurve::CounterCurve(Nanoseconds max_gap) : max_gap_(max_gap) {}

void CounterCurve::add(MonotonicTime at, Nanoseconds total) {
  if (!samples_.empty()) {
    if (at <= samples_.back().at) return;
    if (total < samples_.back().total || at - samples_.back().at > max_gap_) samples_.clear();
  }
  samples_.push_back({at, total});
  if (samples_.size() > kCapacity) samples_.pop_front();
}

std::optional<MonotonicTime> CounterCurve::first() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.front().at;
}

std::optional<MonotonicTime> CounterCurve::last() const {
  if (samples_.empty()) return std::nullopt;
  return samples_.back().at;
}

double CounterCurve::at(MonotonicTime t) const {
  auto it = std::upper_bound(samples_.begin(), samples_.end(), t,
                             [](MonotonicTime v, const Sample& s) { return v < s.at; });
  if (it == samples_.end()) --it;
  if (it == samples_.begin()) ++it;
  const Sample& left = *(it - 1);
  const Sample& right = *it;
  const double rate = to_seconds(right.total - left.total) / to_seconds(right.at - left.at);
  return to_seconds(left.total) + rate * to_seconds(t - left.at);
}

std::optional<Nanoseconds> CounterCurve::growth(MonotonicTime a, MonotonicTime b) const {
  if (samples_.size() < 2 || a < samples_.front().at || b > samples_.back().at) return std::nullopt;
  return std::max(from_seconds(at(b) - at(a)), Nanoseconds::zero());
}

std::optional<Nanoseconds> CounterCurve::growth_extrapolated(MonotonicTime a, MonotonicTime b) const {
  if (samples_.size() < 2 || a < samples_.front().at) return std::nullopt;
  return std::max(from_seconds(at(b) - at(a)), Nanoseconds::zero());
}

}  // namespace tegrascope
