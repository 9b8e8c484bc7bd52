#include "agent/attribution/baseline.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{100h};

// Adds a second of `watts` at a time.
struct Board {
  IdleBaseline baseline;
  MonotonicTime now = kStart;
  void idle(int seconds, double watts, const IdleKey& key = {}) {
    for (int i = 0; i < seconds; ++i) baseline.add(key, now += 1s, watts, 1s);
  }
  std::optional<double> watts(const IdleKey& key = {}) const { return baseline.watts(key, now); }
};

IdleKey key(int mode, bool resident, int decade) {
  IdleKey k;
  k.power_mode = mode;
  k.clocks_locked = false;
  k.model_resident = resident;
  k.temperature_decade = decade;
  return k;
}

TEST(IdleBaseline, IsUnknownForTheFirstMinute) {
  Board board;
  board.idle(59, 4.5);
  EXPECT_FALSE(board.watts());
  board.idle(1, 4.5);
  EXPECT_DOUBLE_EQ(board.watts().value(), 4.5);
}

TEST(IdleBaseline, CountsTimeNotSlices) {
  Board board;
  for (int i = 0; i < 119; ++i) board.baseline.add({}, board.now += 500ms, 4.5, 500ms);
  EXPECT_FALSE(board.watts());
  board.baseline.add({}, board.now += 500ms, 4.5, 500ms);
  EXPECT_DOUBLE_EQ(board.watts().value(), 4.5);
}

TEST(IdleBaseline, IsALowQuantile) {
  Board board;
  for (int i = 0; i < 60; ++i) {
    board.idle(2, 4.0);
    board.idle(8, 6.0);
  }
  EXPECT_DOUBLE_EQ(board.watts().value(), 4.0);
}

TEST(IdleBaseline, ForgetsTheOldestSlices) {
  Board board;
  board.idle(600, 4.0);
  board.now += 2h;
  board.idle(600, 6.0);
  EXPECT_DOUBLE_EQ(board.watts().value(), 6.0);
}

TEST(IdleBaseline, IsNeverAboveTheLowestHalfMinuteOfTheLastHour) {
  Board board;
  board.idle(30, 4.0);
  board.idle(1000, 6.0);
  EXPECT_DOUBLE_EQ(board.watts().value(), 4.0);
  board.idle(3600, 6.0);
  EXPECT_DOUBLE_EQ(board.watts().value(), 6.0);
}

TEST(IdleBaseline, IsForgottenAfterADay) {
  Board board;
  board.idle(100, 4.0);
  EXPECT_TRUE(board.baseline.watts({}, board.now + 23h));
  EXPECT_FALSE(board.baseline.watts({}, board.now + 25h));
}

TEST(IdleBaseline, IsKeptPerKey) {
  Board board;
  board.idle(100, 4.0, key(0, false, 4));
  board.idle(100, 5.0, key(0, true, 4));
  board.idle(100, 5.5, key(0, true, 6));
  EXPECT_DOUBLE_EQ(board.watts(key(0, false, 4)).value(), 4.0);
  EXPECT_DOUBLE_EQ(board.watts(key(0, true, 4)).value(), 5.0);
  EXPECT_DOUBLE_EQ(board.watts(key(0, true, 6)).value(), 5.5);
}

TEST(IdleBaseline, FallsBackToAnyTemperatureThenToAnyResidency) {
  Board board;
  board.idle(100, 5.0, key(0, true, 4));
  EXPECT_DOUBLE_EQ(board.watts(key(0, true, 7)).value(), 5.0);
  EXPECT_DOUBLE_EQ(board.watts(key(0, false, 7)).value(), 5.0);
  EXPECT_FALSE(board.watts(key(1, true, 4))) << "another power mode is another board";
}

TEST(IdleBaseline, ManyKeysAreBounded) {
  Board board;
  for (int mode = 0; mode < 1000; ++mode) board.idle(60, 5.0, key(mode, true, 4));
  EXPECT_TRUE(board.watts(key(999, true, 4)));
  EXPECT_FALSE(board.watts(key(0, true, 4)));
}

}  // namespace
}  // namespace tegrascope
