// The board's draw as a step function of time, with the ripple that decoding has on top: a square wave at the
// token rate, four fifths of the time above the mean. Integers, so that every integral is exact: microwatts
// times nanoseconds are femtojoules. Pure.
#pragma once

#include <cstdint>
#include <deque>

#include "agent/model/time.hpp"

namespace tegrascope::simulator {

__extension__ using Femtojoules = __int128;  // 64 bits hold 2.5 hours of a watt

inline std::int64_t to_nanojoules(Femtojoules energy) {
  return static_cast<std::int64_t>((energy + (energy >= 0 ? 500'000 : -500'000)) / 1'000'000);
}

struct Ripple {
  std::int64_t peak_to_peak_microwatts = 0;  // a multiple of 5; 0: none
  Nanoseconds period{};
  MonotonicTime origin{};  // the wave's start

  // From the wave's start to t, not before it.
  Femtojoules integral(MonotonicTime t) const;
  Femtojoules integral(MonotonicTime a, MonotonicTime b) const { return integral(b) - integral(a); }
};

// Constant draw, apart from a ripple.
struct PowerPiece {
  MonotonicTime begin{};
  MonotonicTime end{};
  std::int64_t microwatts = 0;
  Ripple ripple;
  double gpu = 0;  // share of time the GPU is busy

  Femtojoules energy(MonotonicTime a, MonotonicTime b) const;
};

// The last pieces, without a hole between them.
class PowerHistory {
 public:
  // `piece` begins where the last one ended.
  void add(const PowerPiece& piece);
  // Pieces that end at or before t are not needed any more.
  void forget_before(MonotonicTime t);

  MonotonicTime end() const { return pieces_.empty() ? MonotonicTime{} : pieces_.back().end; }
  // Means over [a, b), which the history must hold; before its first piece that one's values.
  double mean_watts(MonotonicTime a, MonotonicTime b) const;
  double mean_gpu(MonotonicTime a, MonotonicTime b) const;
  // The piece that holds t; null when none does.
  const PowerPiece* at(MonotonicTime t) const;

 private:
  std::size_t index_of(MonotonicTime t) const;
  std::deque<PowerPiece> pieces_;
};

}  // namespace tegrascope::simulator
