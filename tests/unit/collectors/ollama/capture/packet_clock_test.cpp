#include "collectors/ollama/capture/packet_clock.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kEpoch = 1'800'000'000s;
MonotonicTime mono(Nanoseconds t) { return MonotonicTime(t); }

TEST(PacketClock, StampsBecomeMonotonicTimes) {
  PacketClock clock;
  clock.sample(kEpoch + 10s, mono(10s));
  EXPECT_EQ(clock.to_monotonic(kEpoch + 9950ms), mono(9950ms));
  clock.sample(kEpoch + 20s + 3us, mono(20s));  // slewed
  EXPECT_EQ(clock.to_monotonic(kEpoch + 20s), mono(20s - 3us));
}

TEST(PacketClock, ALongWaitInTheRingIsKept) {
  PacketClock clock;
  clock.sample(kEpoch + 60s, mono(60s));  // the agent was stopped for half a minute
  EXPECT_EQ(clock.to_monotonic(kEpoch + 31s), mono(31s));
}

TEST(PacketClock, PacketsFromBeforeAStepAreReadByTheOldOffset) {
  for (const Nanoseconds step :
       {Nanoseconds(3600s), Nanoseconds(-3600s), Nanoseconds(5s), Nanoseconds(-5s)}) {
    PacketClock clock;
    clock.sample(kEpoch + 10s, mono(10s));
    clock.sample(kEpoch + 10100ms + step, mono(10100ms));
    EXPECT_EQ(clock.to_monotonic(kEpoch + 10050ms), mono(10050ms)) << "stamped before the step";
    EXPECT_EQ(clock.to_monotonic(kEpoch + 10090ms + step), mono(10090ms)) << "stamped behind it";
    clock.sample(kEpoch + 20s + step, mono(20s));
    EXPECT_EQ(clock.to_monotonic(kEpoch + 19950ms + step), mono(19950ms));
  }
}

TEST(PacketClock, WhatFitsNoOffsetCameNow) {
  PacketClock clock;
  clock.sample(kEpoch + 10s, mono(10s));
  EXPECT_EQ(clock.to_monotonic(kEpoch + 500s), mono(10s)) << "in the future";
  clock.sample(kEpoch + 4000s, mono(11s));
  EXPECT_EQ(clock.to_monotonic(kEpoch + 2000s), mono(11s));
}

}  // namespace
}  // namespace tegrascope
