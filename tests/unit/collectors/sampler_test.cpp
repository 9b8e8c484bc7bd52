#include "collectors/sampler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/support/sampled.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

using test::Inbox;
using test::one;

TEST(Sampler, TakesTheFirstSampleAtOnceAndStopsAtOnce) {
  Inbox inbox;
  Sampler sampler(one(), {1h, 1h, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(1));
  const auto before = std::chrono::steady_clock::now();
  sampler.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);  // not the hour of its slot
  EXPECT_EQ(inbox.batches().size(), 1u);
}

TEST(Sampler, BatchesCarryNameAndTimes) {
  Inbox inbox;
  Sampler sampler(one(), {1h, 1h, 1}, inbox.sink());
  const MonotonicTime before = monotonic_now();
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(1));
  const Batch batch = inbox.batches().front();
  EXPECT_EQ(batch.collector, "fake");
  EXPECT_GE(batch.started, before);
  EXPECT_GE(batch.finished, batch.started);
  EXPECT_EQ(batch.missed_slots, 0u);
}

TEST(Sampler, GoingBusyTakesEffectAtOnce) {
  Inbox inbox;
  Sampler sampler(one(), {1h, 2ms, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(1));
  sampler.set_busy(true);
  EXPECT_TRUE(inbox.wait_for(20));
}

TEST(Sampler, GoingIdleAndBusyAgain) {
  Inbox inbox;
  Sampler sampler(one(), {1h, 2ms, 1}, inbox.sink());
  sampler.set_busy(true);
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(3));
  sampler.set_busy(false);
  sampler.set_busy(true);
  const auto seen = inbox.batches().size();
  EXPECT_TRUE(inbox.wait_for(seen + 3));
}

TEST(Sampler, SamplesEachSlotOnce) {
  Inbox inbox;
  Sampler sampler(one(), {50ms, 50ms, 7}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(8));
  sampler.stop();
  std::uint64_t missed = 0;
  std::int64_t first = -1, last = -1;
  for (const Batch& batch : inbox.batches()) {
    missed += batch.missed_slots;
    last = batch.started.time_since_epoch() / 50ms;
    if (first < 0) first = last;
  }
  // Each slot between the first and the last sample was sampled or counted; `started` is read a moment after
  // the slot was chosen, so it may fall into the slot after it.
  EXPECT_NEAR(static_cast<double>(last - first + 1), static_cast<double>(missed + inbox.batches().size()),
              1.0);
}

TEST(Sampler, CountsSlotsThatASlowCollectorMissed) {
  Inbox inbox;
  std::mutex mutex;
  std::condition_variable never;
  const auto slow = [&](Batch&) {
    std::unique_lock lock(mutex);
    never.wait_for(lock, 50ms);
  };
  Sampler sampler(one(slow), {5ms, 5ms, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(2));
  EXPECT_GE(inbox.batches()[1].missed_slots, 8u);
}

TEST(Sampler, EachCollectorRunsInTheSlotsThatItsPeriodAsksFor) {
  Inbox inbox;
  auto collectors = one();
  const auto mark = [](Batch& out) { out.absent = true; };
  collectors.push_back(test::sampled("fake", mark, 1h));
  Sampler sampler(std::move(collectors), {2ms, 2ms, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(11));
  sampler.stop();
  const auto batches = inbox.batches();
  EXPECT_TRUE(batches[1].absent);  // right after the first collector, in the first slot
  EXPECT_EQ(std::count_if(batches.begin(), batches.end(), [](const Batch& b) { return b.absent; }), 1);
}

TEST(Sampler, DeliversTheBatchesOfASlotTogether) {
  Inbox inbox;
  std::size_t seen = 1;
  auto collectors = one();
  collectors.push_back(test::sampled("second", [&](Batch&) { seen = inbox.batches().size(); }));
  Sampler sampler(std::move(collectors), {1h, 1h, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(2));
  sampler.stop();
  EXPECT_EQ(seen, 0u);
  EXPECT_EQ(inbox.slots(), 1u);
}

TEST(Sampler, ACollectorThatThrowsIsAnErrorInItsBatch) {
  Inbox inbox;
  const auto failing = [](Batch& out) {
    out.lists_processes = true;
    throw std::runtime_error("sensor on fire");
  };
  Sampler sampler(one(failing), {2ms, 2ms, 1}, inbox.sink());
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(3));
  const Batch batch = inbox.batches().front();
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_THAT(batch.errors[0].where, testing::HasSubstr("fake: sensor on fire"));
  EXPECT_FALSE(batch.lists_processes);
}

TEST(Sampler, CanBeStoppedTwiceAndStartedAgain) {
  Inbox inbox;
  Sampler sampler(one(), {1h, 1h, 1}, inbox.sink());
  sampler.stop();
  sampler.start();
  ASSERT_TRUE(inbox.wait_for(1));
  sampler.stop();
  sampler.stop();
  sampler.start();
  EXPECT_TRUE(inbox.wait_for(2));
}

TEST(Sampler, SetBusyFromManyThreads) {
  Inbox inbox;
  Sampler sampler(one(), {3ms, 1ms, 1}, inbox.sink());
  sampler.start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&sampler] {
      for (int j = 0; j < 200; ++j) sampler.set_busy(j % 2 == 0);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(inbox.wait_for(5));
}

}  // namespace
}  // namespace tegrascope
