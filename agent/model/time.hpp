// The one clock of the agent. Every reading and every event carries a MonotonicTime taken where it was
// observed; wall-clock time exists only in exported text.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace tegrascope {

// CLOCK_MONOTONIC in nanoseconds. Literal times in tests: MonotonicTime{5s}.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using Nanoseconds = std::chrono::nanoseconds;
// CLOCK_REALTIME in nanoseconds since 1970, for people: it jumps when the clock is set.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// The kernel's three clocks at one moment. Monotonic time stands still while the machine is suspended, boot time
// goes on; wall time goes on and jumps when it is set.
struct ClockReading {
  MonotonicTime monotonic{};
  Nanoseconds boot{};  // CLOCK_BOOTTIME
  WallTime wall{};
};

// What steady_clock::now() reads, without the way through the C++ library, which is cold in most of its uses here.
inline MonotonicTime monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return MonotonicTime{std::chrono::seconds{now.tv_sec} + Nanoseconds{now.tv_nsec}};
}

inline double to_seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }

inline Nanoseconds from_seconds(double seconds) {
  return std::chrono::round<Nanoseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace tegrascope
