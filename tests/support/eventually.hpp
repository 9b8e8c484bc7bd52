// Waiting for an event, with a deadline.
#pragma once

#include <time.h>

#include <chrono>

namespace tegrascope::test {

inline constexpr std::chrono::seconds kDeadline{10};

inline void pause_a_millisecond() {
  const timespec time{0, 1000000};
  ::nanosleep(&time, nullptr);
}

// True when `condition` came true before kDeadline; looks every millisecond.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    pause_a_millisecond();
  }
  return true;
}

}  // namespace tegrascope::test
