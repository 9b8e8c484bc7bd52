#include "agent/app/clocks.hpp"

#include <cstdlib>
#include <ctime>

namespace tegrascope {
namespace {

constexpr Nanoseconds kTellEvery = std::chrono::minutes(1);
constexpr Nanoseconds kJump = std::chrono::milliseconds(500);
// Three clocks read further apart than this are read again: the thread was put aside in between.
constexpr Nanoseconds kClose = std::chrono::milliseconds(1);
constexpr int kTries = 10;

Nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

Nanoseconds abs_of(Nanoseconds d) { return d < Nanoseconds::zero() ? -d : d; }

}  // namespace

ClockReading read_clocks() {
  ClockReading reading;
  for (int i = 0; i < kTries; ++i) {
    reading.monotonic = monotonic_now();
    reading.boot = read_clock(CLOCK_BOOTTIME);
    reading.wall = WallTime{read_clock(CLOCK_REALTIME)};
    if (monotonic_now() - reading.monotonic < kClose) break;
  }
  return reading;
}

std::optional<ClockWatch::News> ClockWatch::look(const ClockReading& now) {
  News news;
  news.now = now;
  if (last_) {
    const Nanoseconds boot = now.boot - last_->boot;
    const Nanoseconds slept = boot - (now.monotonic - last_->monotonic);
    const Nanoseconds stepped = (now.wall - last_->wall) - boot;
    if (slept >= kJump) news.slept = slept;
    if (abs_of(stepped) >= kJump) news.stepped = stepped;
  }
  const bool jumped = news.slept != Nanoseconds::zero() || news.stepped != Nanoseconds::zero();
  if (jumped && last_->monotonic != told_->monotonic) news.before = last_;
  last_ = now;
  if (told_ && !jumped && now.monotonic - told_->monotonic < kTellEvery) return std::nullopt;
  told_ = now;
  return news;
}

}  // namespace tegrascope
