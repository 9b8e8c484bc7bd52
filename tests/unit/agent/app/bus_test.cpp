#include "agent/app/bus.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tegrascope {
namespace {

TEST(Bus, WakesOnceUntilTaken) {
  int wakes = 0;
  Bus<int> bus(8, [&] { ++wakes; });
  bus.push(1);
  bus.push(2);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(bus.take(), (std::deque<int>{1, 2}));
  bus.push(3);
  EXPECT_EQ(wakes, 2);
}

TEST(Bus, WakesOnceForManyAtATime) {
  std::vector<std::size_t> seen_when_woken;
  Bus<double> bus(8, [&] { seen_when_woken.push_back(bus.take().size()); });
  bus.push_all(std::vector<int>{1, 2, 3});
  EXPECT_EQ(seen_when_woken, (std::vector<std::size_t>{3}));
  bus.push_all(std::vector<int>{});
  EXPECT_EQ(seen_when_woken.size(), 1u);
}

TEST(Bus, WhoLooksByHimselfIsWokenForManyOnly) {
  int wakes = 0;
  Bus<int> bus(8, [&] { ++wakes; });
  bus.set_wake_at(3);
  bus.push(1);
  bus.push(2);
  EXPECT_EQ(wakes, 0);
  bus.push(3);
  bus.push(4);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(bus.take(), (std::deque<int>{1, 2, 3, 4}));
  bus.set_wake_at(1);
  EXPECT_EQ(wakes, 1) << "nothing waits";
  bus.push(5);
  EXPECT_EQ(wakes, 2);
}

TEST(Bus, WhatCameMeanwhileWakesWhoWantsToBeWokenAgain) {
  int wakes = 0;
  Bus<int> bus(8, [&] { ++wakes; });
  bus.set_wake_at(8);
  bus.push(1);
  bus.push(2);
  bus.set_wake_at(1);
  EXPECT_EQ(wakes, 1);
  bus.push(3);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(bus.take(), (std::deque<int>{1, 2, 3}));
}

TEST(Bus, DropsTheOldestAndCountsIt) {
  Bus<int> bus(2, [] {});
  for (int i = 0; i < 5; ++i) bus.push(i);
  EXPECT_EQ(bus.dropped(), 3u);
  EXPECT_EQ(bus.take(), (std::deque<int>{3, 4}));
}

TEST(Bus, LosesNothingBetweenThreads) {
  std::atomic<int> wakes{0};
  Bus<int> bus(100000, [&] { ++wakes; });
  std::vector<std::thread> producers;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) bus.push(i);
    });
  }
  std::size_t taken = 0;
  while (taken < 4000) taken += bus.take().size();
  for (auto& p : producers) p.join();
  EXPECT_EQ(bus.dropped(), 0u);
  EXPECT_GT(wakes.load(), 0);
}

}  // namespace
}  // namespace tegrascope
