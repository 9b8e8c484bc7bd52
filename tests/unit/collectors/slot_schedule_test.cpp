#include "collectors/slot_schedule.hpp"

#include <gtest/gtest.h>

#include <array>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Nanoseconds time) { return MonotonicTime{time}; }

TEST(SlotSchedule, DrawsInWhatIsLeftOfTheRunningSlot) {
  SlotSchedule schedule(1s, 1);
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime instant = schedule.next_instant(at(5s + 400ms));
    EXPECT_GE(instant, at(5s + 400ms));
    EXPECT_LT(instant, at(6s));
  }
}

TEST(SlotSchedule, SamplesEachSlotOnce) {
  SlotSchedule schedule(1s, 1);
  schedule.sampled(at(5s + 100ms));
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime instant = schedule.next_instant(at(5s + 200ms));
    EXPECT_GE(instant, at(6s));
    EXPECT_LT(instant, at(7s));
  }
}

TEST(SlotSchedule, SlotsAreAbsolute) {
  SlotSchedule schedule(100ms, 1);
  const auto slot = schedule.sampled(at(7s + 345ms));
  EXPECT_EQ(slot.begin, at(7s + 300ms));
  EXPECT_EQ(slot.end, at(7s + 400ms));
}

TEST(SlotSchedule, CountsMissedSlotsAndNeverMakesUpForThem) {
  SlotSchedule schedule(100ms, 1);
  EXPECT_EQ(schedule.sampled(at(1s)).missed, 0u);
  EXPECT_EQ(schedule.sampled(at(1s + 150ms)).missed, 0u);
  EXPECT_EQ(schedule.sampled(at(1s + 650ms)).missed, 4u);
  EXPECT_GE(schedule.next_instant(at(1s + 651ms)), at(1s + 700ms));
  EXPECT_EQ(schedule.sampled(at(1s + 700ms)).missed, 0u);
}

TEST(SlotSchedule, ACollectionThatOverrunsTakesTheRestOfTheNextSlot) {
  SlotSchedule schedule(100ms, 1);
  schedule.sampled(at(1s + 95ms));
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime instant = schedule.next_instant(at(1s + 140ms));
    EXPECT_GE(instant, at(1s + 140ms));
    EXPECT_LT(instant, at(1s + 200ms));
  }
}

TEST(SlotSchedule, TheLastNanosecondOfASlot) {
  SlotSchedule schedule(1s, 1);
  EXPECT_EQ(schedule.next_instant(at(6s - 1ns)), at(6s - 1ns));
}

TEST(SlotSchedule, GoingBusyStartsTheFineGridAtOnceWithoutMissedSlots) {
  SlotSchedule schedule(1s, 1);
  schedule.sampled(at(5s));
  schedule.set_interval(100ms);
  const MonotonicTime instant = schedule.next_instant(at(5s + 320ms));
  EXPECT_GE(instant, at(5s + 320ms));
  EXPECT_LT(instant, at(5s + 400ms));
  EXPECT_EQ(schedule.sampled(instant).missed, 0u);
}

TEST(SlotSchedule, SettingTheSameIntervalForgetsNothing) {
  SlotSchedule schedule(1s, 1);
  schedule.sampled(at(5s));
  schedule.set_interval(1s);
  EXPECT_GE(schedule.next_instant(at(5s + 1ms)), at(6s));
}

TEST(SlotSchedule, InstantsAreUniform) {
  SlotSchedule schedule(100ms, 42);
  std::array<int, 10> tenths{};
  MonotonicTime now = at(1s);
  constexpr int kSlots = 10'000;
  for (int i = 0; i < kSlots; ++i) {
    now = schedule.next_instant(now);
    const auto slot = schedule.sampled(now);
    ++tenths.at(static_cast<std::size_t>((now - slot.begin) / 10ms));
  }
  for (const int hits : tenths) EXPECT_NEAR(hits, kSlots / 10, 150);  // 5 standard deviations
}

TEST(SlotSchedule, SeedsGiveDifferentInstantsAndRepeatThem) {
  SlotSchedule a(1s, 1), same(1s, 1), other(1s, 2);
  const MonotonicTime first = a.next_instant(at(1s));
  EXPECT_EQ(first, same.next_instant(at(1s)));
  EXPECT_NE(first, other.next_instant(at(1s)));
}

SlotSchedule::Slot slot(Nanoseconds begin, Nanoseconds length, std::uint64_t missed = 0) {
  return {at(begin), at(begin + length), missed};
}

TEST(PeriodSchedule, ZeroRunsInEverySlotAlsoAcrossGrids) {
  PeriodSchedule schedule(0s);
  EXPECT_TRUE(schedule.due(slot(5s, 1s)).due);
  EXPECT_TRUE(schedule.due(slot(5s + 300ms, 100ms)).due);  // went busy inside the long slot
  const auto late = schedule.due(slot(5s + 900ms, 100ms, 5));
  EXPECT_TRUE(late.due);
  EXPECT_EQ(late.missed, 5u);
}

TEST(PeriodSchedule, OneSecondRunsInEveryTenthShortSlot) {
  PeriodSchedule schedule(1s);
  EXPECT_TRUE(schedule.due(slot(5s, 100ms)).due);
  for (int i = 1; i < 10; ++i) EXPECT_FALSE(schedule.due(slot(5s + i * 100ms, 100ms)).due) << i;
  const auto run = schedule.due(slot(6s, 100ms));
  EXPECT_TRUE(run.due);
  EXPECT_EQ(run.missed, 0u);
}

TEST(PeriodSchedule, OneSecondRunsInEveryLongSlotWhateverTheInstants) {
  PeriodSchedule schedule(1s);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(schedule.due(slot(i * 1s, 1s)).due) << i;
}

TEST(PeriodSchedule, MissedSlotsAreMissedRunsWhereEverySlotIsARun) {
  PeriodSchedule schedule(1s);
  EXPECT_TRUE(schedule.due(slot(5s, 1s)).due);
  EXPECT_EQ(schedule.due(slot(9s, 1s, 3)).missed, 3u);
}

TEST(PeriodSchedule, CountsWholePeriodsItMissedInShortSlots) {
  PeriodSchedule schedule(1s);
  EXPECT_TRUE(schedule.due(slot(5s, 100ms)).due);
  const auto run = schedule.due(slot(8s + 500ms, 100ms, 34));
  EXPECT_TRUE(run.due);
  EXPECT_EQ(run.missed, 2u);
}

TEST(PeriodSchedule, ThePeriodIsNotExceededWhereSlotsDoNotDivideIt) {
  PeriodSchedule schedule(3s);
  for (int i = 0; i < 8; ++i) {
    const auto run = schedule.due(slot(i * 1250ms, 1250ms));
    EXPECT_EQ(run.due, i % 2 == 0) << i;
    EXPECT_EQ(run.missed, 0u) << i;
  }
  PeriodSchedule two_seconds(3s);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(two_seconds.due(slot(i * 2s, 2s)).due) << i;
}

TEST(PeriodSchedule, ChangesOfGridNeitherSkipNorDouble) {
  PeriodSchedule schedule(1s);
  EXPECT_TRUE(schedule.due(slot(5s + 300ms, 100ms)).due);
  EXPECT_FALSE(schedule.due(slot(5s, 1s)).due);  // idle again, same second
  EXPECT_TRUE(schedule.due(slot(6s, 1s)).due);
}

}  // namespace
}  // namespace tegrascope
