// The one clock of the agent. Every reading and every event carries a MonotonicTime taken where it was
// observed; wall-clock time exists only in exported text.
#pragma once

#include <chrono>
#include <cstdint>

namespace tegrascope {

// CLOCK_MONOTONIC in nanoseconds. Literal times in tests: MonotonicTime{5s}.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Nanoseconds = std::chrono::nanoseconds;

inline MonotonicTime monotonic_now() {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::steady_clock::now());
}

inline double to_seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }

inline Nanoseconds from_seconds(double seconds) {
  return std::chrono::round<Nanoseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace tegrascope
