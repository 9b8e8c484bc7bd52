#include "simulator/virtual/power_history.hpp"

#include <algorithm>

namespace tegrascope::simulator {

Femtojoules Ripple::integral(MonotonicTime t) const {
  if (peak_to_peak_microwatts == 0 || period <= Nanoseconds::zero()) return 0;
  const Nanoseconds length = t - origin;
  const std::int64_t above = peak_to_peak_microwatts / 5;
  const std::int64_t below = above - peak_to_peak_microwatts;
  const std::int64_t high = period.count() * 4 / 5;
  const std::int64_t low = period.count() - high;
  const std::int64_t whole = length / period;
  const std::int64_t rest = (length % period).count();
  const auto product = [](std::int64_t a, std::int64_t b) { return static_cast<Femtojoules>(a) * b; };
  return whole * (product(above, high) + product(below, low)) + product(above, std::min(rest, high)) +
         product(below, std::max<std::int64_t>(rest - high, 0));
}

Femtojoules PowerPiece::energy(MonotonicTime a, MonotonicTime b) const {
  return static_cast<Femtojoules>(microwatts) * (b - a).count() + ripple.integral(a, b);
}

void PowerHistory::add(const PowerPiece& piece) {
  if (piece.end > piece.begin) pieces_.push_back(piece);
}

void PowerHistory::forget_before(MonotonicTime t) {
  while (pieces_.size() > 1 && pieces_.front().end <= t) pieces_.pop_front();
}

std::size_t PowerHistory::index_of(MonotonicTime t) const {
  const auto it = std::upper_bound(pieces_.begin(), pieces_.end(), t,
                                   [](MonotonicTime v, const PowerPiece& p) { return v < p.end; });
  return static_cast<std::size_t>(
      std::min<std::ptrdiff_t>(it - pieces_.begin(), static_cast<std::ptrdiff_t>(pieces_.size()) - 1));
}

const PowerPiece* PowerHistory::at(MonotonicTime t) const {
  if (pieces_.empty()) return nullptr;
  const PowerPiece& piece = pieces_[index_of(t)];
  return t >= piece.begin && t < piece.end ? &piece : nullptr;
}

double PowerHistory::mean_watts(MonotonicTime a, MonotonicTime b) const {
  if (pieces_.empty() || b <= a) return 0;
  double microwatt_ns = 0;
  if (a < pieces_.front().begin) {
    const MonotonicTime until = std::min(b, pieces_.front().begin);
    microwatt_ns +=
        static_cast<double>(pieces_.front().microwatts) * static_cast<double>((until - a).count());
  }
  for (std::size_t i = index_of(a); i < pieces_.size() && pieces_[i].begin < b; ++i) {
    const MonotonicTime from = std::max(a, pieces_[i].begin);
    const MonotonicTime to = std::min(b, pieces_[i].end);
    if (to > from) microwatt_ns += static_cast<double>(pieces_[i].energy(from, to));
  }
  return microwatt_ns / static_cast<double>((b - a).count()) * 1e-6;
}

double PowerHistory::mean_gpu(MonotonicTime a, MonotonicTime b) const {
  if (pieces_.empty() || b <= a) return 0;
  double busy = 0;
  if (a < pieces_.front().begin)
    busy += pieces_.front().gpu * to_seconds(std::min(b, pieces_.front().begin) - a);
  for (std::size_t i = index_of(a); i < pieces_.size() && pieces_[i].begin < b; ++i) {
    const MonotonicTime from = std::max(a, pieces_[i].begin);
    const MonotonicTime to = std::min(b, pieces_[i].end);
    if (to > from) busy += pieces_[i].gpu * to_seconds(to - from);
  }
  return busy / to_seconds(b - a);
}

}  // namespace tegrascope::simulator
