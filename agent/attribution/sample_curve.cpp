#include "agent/attribution/sample_curve.hpp"

#include <algorithm>

#include "agent/attribution/averaging.hpp"

namespace tegrascope {
namespace {

// 10 Hz for 27 minutes: longer than the 10 minutes that a request may stay unresolved.
constexpr std::size_t kCapacity = 16384;
// An average is undone over at least so much to tell a level: over less, its noise weighs too much.
constexpr Nanoseconds kLeastLookBack = std::chrono::milliseconds(200);
constexpr Nanoseconds kLookBack = std::chrono::seconds(1);

}  // namespace

SampleCurve::SampleCurve(Nanoseconds lag, Nanoseconds max_gap) : lag_(lag), max_gap_(max_gap) {}

void SampleCurve::add(MonotonicTime read_at, double value) {
  const MonotonicTime at = read_at - lag_;
  if (!samples_.empty() && at <= samples_.back().at) return;
  samples_.push_back({at, value});
  if (samples_.size() <= kCapacity) return;
  samples_.pop_front();
  ++dropped_;
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
  if (averaged()) return averaged_mean(i - 1, a, b, boundaries);

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

// The mean of a whole interval between two samples is exact, whatever happened in it; where the load changed inside,
// the part before the change goes on as it was and the rest has what is left.
double SampleCurve::averaged_mean(std::size_t left, MonotonicTime a, MonotonicTime b,
                                  std::span<const MonotonicTime> boundaries) const {
  const Sample& from = samples_[left];
  const Sample& to = samples_[left + 1];
  const double mean = unaveraged_mean_watts(from.value, to.value, to.at - from.at, averaging_);
  const auto edge = edge_after(left, boundaries);
  const auto level = edge ? level_before(left, boundaries) : std::nullopt;
  if (!level) return mean;
  const double before = level->watts;
  const double after =
      (mean * to_seconds(to.at - from.at) - before * to_seconds(*edge - from.at)) / to_seconds(to.at - *edge);
  if (b <= *edge) return before;
  if (a >= *edge) return after;
  const double part = to_seconds(*edge - a) / to_seconds(b - a);
  return part * before + (1 - part) * after;
}

std::optional<MonotonicTime> SampleCurve::edge_after(std::size_t left,
                                                     std::span<const MonotonicTime> boundaries) const {
  const auto edge = std::upper_bound(boundaries.begin(), boundaries.end(), samples_[left].at);
  if (edge == boundaries.end() || *edge >= samples_[left + 1].at) return std::nullopt;
  return *edge;
}

std::optional<SampleCurve::Level> SampleCurve::level_before(std::size_t left,
                                                            std::span<const MonotonicTime> boundaries) const {
  const MonotonicTime end = samples_[left].at;
  const auto next = std::upper_bound(boundaries.begin(), boundaries.end(), end);
  MonotonicTime begin = end - kLookBack;
  if (next != boundaries.begin()) begin = std::max(begin, *(next - 1));
  std::size_t first = left;
  while (first > 0 && samples_[first - 1].at >= begin &&
         samples_[first].at - samples_[first - 1].at <= max_gap_)
    --first;
  const Nanoseconds span = end - samples_[first].at;
  if (span < kLeastLookBack) return std::nullopt;
  double joules = 0;
  for (std::size_t i = first; i < left; ++i) {
    const Nanoseconds step = samples_[i + 1].at - samples_[i].at;
    joules +=
        unaveraged_mean_watts(samples_[i].value, samples_[i + 1].value, step, averaging_) * to_seconds(step);
  }
  return Level{joules / to_seconds(span), span};
}

std::optional<SampleWeights> SampleCurve::weights(MonotonicTime a, MonotonicTime b,
                                                  std::span<const MonotonicTime> boundaries) const {
  const std::size_t i = upper(a);
  if (i == 0 || i == samples_.size()) return std::nullopt;
  const Sample& left = samples_[i - 1];
  const Sample& right = samples_[i];
  if (right.at - left.at > max_gap_) return std::nullopt;
  const double length = to_seconds(b - a);
  const double span = to_seconds(right.at - left.at);
  double to_right = (to_seconds(a - left.at) + to_seconds(b - left.at)) / 2 / span;
  SampleWeights out{dropped_ + i - 1, dropped_ + i, 0, 0};
  if (averaged()) {
    const double tau = to_seconds(averaging_);
    const auto edge = edge_after(i - 1, boundaries);
    const auto level = edge ? level_before(i - 1, boundaries) : std::nullopt;
    // A level rests on the sample at its end, for as much as it is drawn out.
    const double of_level = level ? 0.5 + tau / to_seconds(level->over) : 0.0;
    if (level && b <= *edge) {
      out.left_seconds = length * of_level;
    } else if (level && a >= *edge) {
      const double part = length / to_seconds(right.at - *edge);
      out.left_seconds = part * (span / 2 - tau - to_seconds(*edge - left.at) * of_level);
      out.right_seconds = part * (span / 2 + tau);
    } else {
      out.left_seconds = length / 2 - tau * length / span;
      out.right_seconds = length / 2 + tau * length / span;
    }
    return out;
  }
  const auto inside = std::upper_bound(boundaries.begin(), boundaries.end(), left.at);
  const auto beyond = std::lower_bound(inside, boundaries.end(), right.at);
  if (inside != beyond) to_right = b <= *inside ? 0.0 : a >= *(beyond - 1) ? 1.0 : 0.5;
  out.left_seconds = length * (1 - to_right);
  out.right_seconds = length * to_right;
  return out;
}

Roughness SampleCurve::roughness(MonotonicTime a, MonotonicTime b) const {
  Roughness out;
  for (std::size_t i = upper(a) + 1; i < samples_.size() && samples_[i].at < b; ++i, ++out.pairs) {
    const double step = samples_[i].value - samples_[i - 1].value;
    out.squares += step * step / 2;
  }
  return out;
}

std::optional<Nanoseconds> SampleCurve::spacing(MonotonicTime a, MonotonicTime b) const {
  const std::size_t first = upper(a);
  const std::size_t after = upper(b);
  if (first == 0 || after == samples_.size()) return std::nullopt;
  return (samples_[after].at - samples_[first - 1].at) / static_cast<std::int64_t>(after - first + 1);
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
