// When the sampler's watchdog wakes: never, while reads come to their end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "collectors/alarm.hpp"
#include "collectors/sampler.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/sampled.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::Inbox;
using test::one;
using test::sampled;

// Goes off when the test says so, or at once when it is set to a time that is past.
class FakeAlarm : public Alarm {
 public:
  void set(MonotonicTime when) override {
    const std::lock_guard lock(mutex_);
    ++times_set_;
    set_to_ = when;
    ringing_ = when <= monotonic_now();
    changed_.notify_all();
  }
  void clear() override {
    const std::lock_guard lock(mutex_);
    set_to_.reset();
    ringing_ = false;
    changed_.notify_all();
  }
  void wait() override {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return ringing_; });
    ringing_ = waiting_ = false;
    ++wakes_;
  }

  void ring() {
    const std::lock_guard lock(mutex_);
    ringing_ = true;
    changed_.notify_all();
  }
  bool wait_until_set(std::size_t times) {
    return wait_for([&] { return times_set_ >= times && waiting_; });
  }
  bool wait_until_clear() {
    return wait_for([this] { return !set_to_ && waiting_; });
  }
  std::optional<MonotonicTime> set_to() {
    const std::lock_guard lock(mutex_);
    return set_to_;
  }
  std::size_t times_set() {
    const std::lock_guard lock(mutex_);
    return times_set_;
  }
  std::size_t wakes() {
    const std::lock_guard lock(mutex_);
    return wakes_;
  }

 private:
  bool wait_for(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<MonotonicTime> set_to_;
  std::size_t times_set_ = 0;
  std::size_t wakes_ = 0;
  bool ringing_ = false;
  bool waiting_ = false;
};

class SamplerWatchdog : public testing::Test {
 protected:
  ~SamplerWatchdog() override {
    sampler_.reset();
    EXPECT_TRUE(test::eventually([] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0;
    }));
  }
  void start(std::vector<SampledCollector> collectors, Nanoseconds interval, Nanoseconds deadline) {
    auto alarm = std::make_unique<FakeAlarm>();
    alarm_ = alarm.get();
    sampler_ =
        std::make_unique<Sampler>(std::move(collectors), SamplerOptions{interval, interval, 1, deadline, 1h},
                                  inbox_.sink(), std::move(alarm));
    sampler_->start();
  }

  test::TempTree tree_;
  Inbox inbox_;
  std::unique_ptr<Sampler> sampler_;
  FakeAlarm* alarm_ = nullptr;
};

TEST_F(SamplerWatchdog, NeverWakesWhileReadsComeToTheirEnd) {
  auto collectors = one();
  collectors.push_back(sampled("second", {}));
  start(std::move(collectors), 1ms, 1h);
  ASSERT_TRUE(inbox_.wait_for(40));
  EXPECT_EQ(alarm_->wakes(), 0u);
  EXPECT_LE(alarm_->times_set(), inbox_.batches().size() / 2 + 1) << "once a slot, not once a collector";
}

TEST_F(SamplerWatchdog, SleepsWithoutATimeBetweenSlots) {
  start(one(), 1h, 1h);
  ASSERT_TRUE(inbox_.wait_for(1));
  EXPECT_TRUE(alarm_->wait_until_clear());
  EXPECT_EQ(alarm_->times_set(), 1u);
}

TEST_F(SamplerWatchdog, IsSetToTheDeadlineOfTheSlot) {
  std::optional<MonotonicTime> set_to;
  MonotonicTime started{};
  start(one([&](Batch& batch) {
          set_to = alarm_->set_to();
          started = batch.started;
        }),
        1h, 1h);
  ASSERT_TRUE(inbox_.wait_for(1));
  ASSERT_TRUE(set_to);
  EXPECT_LE(*set_to, started + 1h);
  EXPECT_GT(*set_to, started + 59min);
}

TEST_F(SamplerWatchdog, OneThatLooksTooEarlyLooksAgain) {
  tree_.write("stuck", "(BLOCK)");
  start(one([path = tree_.path("stuck")](Batch&) { read_once(path); }), 1h, 1h);
  ASSERT_TRUE(alarm_->wait_until_set(1));
  ASSERT_TRUE(test::eventually([] { return test::blocked_reads() == 1; }));
  const auto first = alarm_->set_to();
  alarm_->ring();
  ASSERT_TRUE(alarm_->wait_until_set(2));
  EXPECT_GT(*alarm_->set_to(), *first) << "the file was begun after the slot";
  EXPECT_EQ(sampler_->left_behind(), 0u);
  EXPECT_TRUE(inbox_.batches().empty());
  test::release_blocked_reads();
  EXPECT_TRUE(inbox_.wait_for(1));
}

TEST_F(SamplerWatchdog, AfterAHangTheRestOfTheSlotIsWatchedAsWell) {
  tree_.write("stuck", "(BLOCK)");
  std::optional<MonotonicTime> set_to;
  start({sampled("a", [path = tree_.path("stuck")](Batch&) { read_once(path); }),
         sampled("b", [&](Batch&) { set_to = alarm_->set_to(); })},
        1h, 5ms);
  ASSERT_TRUE(alarm_->wait_until_set(1));
  ASSERT_TRUE(test::eventually([this] {
    alarm_->ring();  // as often as it is too early or late
    return sampler_->left_behind() == 1;
  }));
  ASSERT_TRUE(inbox_.wait_for([](const Batch& b) { return b.collector == "b"; }));
  EXPECT_TRUE(set_to);
  EXPECT_TRUE(alarm_->wait_until_clear());
}

bool goes_off(Alarm& alarm, MonotonicTime when) {
  alarm.set(when);
  alarm.wait();
  return monotonic_now() >= when;
}

TEST(AlarmTest, GoesOffAtItsTimeAndNotBefore) {
  const auto alarm = make_alarm();
  EXPECT_TRUE(goes_off(*alarm, MonotonicTime{}));
  EXPECT_TRUE(goes_off(*alarm, monotonic_now()));
  EXPECT_TRUE(goes_off(*alarm, monotonic_now() + 3ms));
}

TEST(AlarmTest, TheTimeSetLastCounts) {
  const auto alarm = make_alarm();
  alarm->set(MonotonicTime{});
  alarm->clear();
  const MonotonicTime later = monotonic_now() + 3ms;
  EXPECT_TRUE(goes_off(*alarm, later)) << "what was cleared does not go off";
  alarm->set(monotonic_now() + 1h);
  EXPECT_TRUE(goes_off(*alarm, monotonic_now() + 1ms));
}

}  // namespace
}  // namespace tegrascope
