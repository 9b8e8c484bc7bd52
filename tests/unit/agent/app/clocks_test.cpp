#include "agent/app/clocks.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

ClockReading clocks(double monotonic, double slept = 0, double stepped = 0) {
  return {MonotonicTime{from_seconds(monotonic)}, from_seconds(monotonic + slept),
          WallTime{1'700'000'000s + from_seconds(monotonic + slept + stepped)}};
}

TEST(Clocks, AreReadCloseTogether) {
  const ClockReading a = read_clocks();
  const ClockReading b = read_clocks();
  EXPECT_LE(a.monotonic, b.monotonic);
  ClockWatch watch;
  watch.look(a);
  EXPECT_FALSE(watch.look(b));
}

TEST(Clocks, NothingNewIsToldOnceAMinute) {
  ClockWatch watch;
  EXPECT_TRUE(watch.look(clocks(0)));
  int told = 0;
  for (double t = 0.1; t < 600; t += 0.1) told += watch.look(clocks(t)) ? 1 : 0;
  EXPECT_EQ(told, 9);
}

TEST(Clocks, AStepOfTheWallClockIsNoSuspend) {
  ClockWatch watch;
  watch.look(clocks(0));
  watch.look(clocks(1));
  const auto back = watch.look(clocks(2, 0, -3600));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->slept, 0ns);
  EXPECT_EQ(back->stepped, -3600s);
  EXPECT_FALSE(watch.look(clocks(3, 0, -3600)));
}

TEST(Clocks, ASuspendIsNoStepAndTellsTheReadingBefore) {
  ClockWatch watch;
  watch.look(clocks(0));
  watch.look(clocks(7));
  const auto woke = watch.look(clocks(7.1, 900));
  ASSERT_TRUE(woke);
  EXPECT_EQ(woke->slept, 900s);
  EXPECT_EQ(woke->stepped, 0ns);
  ASSERT_TRUE(woke->before);
  EXPECT_EQ(woke->before->monotonic, MonotonicTime{7s});
}

TEST(Clocks, ASlowDriftOfTheWallClockIsNoStep) {
  ClockWatch watch;
  for (double t = 0; t < 100; t += 0.1) {
    const auto news = watch.look(clocks(t, 0, t * 0.0005));
    if (news) {
      EXPECT_EQ(news->stepped, 0ns);
    }
  }
}

}  // namespace
}  // namespace tegrascope
