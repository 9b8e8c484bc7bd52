// Collectors made of a function, and where their batches arrive.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "collectors/sampler.hpp"

namespace tegrascope::test {

class FakeCollector final : public Collector {
 public:
  explicit FakeCollector(std::function<void(Batch&)> action = {}) : action_(std::move(action)) {}
  std::string_view name() const noexcept override { return "fake"; }
  void collect(Batch& out) override {
    if (action_) action_(out);
  }

 private:
  std::function<void(Batch&)> action_;
};

// Takes batches from the sampling thread.
class Inbox {
 public:
  static constexpr std::chrono::seconds kDeadline{20};

  SlotSink sink() {
    return [this](std::vector<Batch>&& slot) {
      {
        const std::lock_guard lock(mutex_);
        ++slots_;
        std::move(slot.begin(), slot.end(), std::back_inserter(batches_));
      }
      arrived_.notify_all();
    };
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, kDeadline, [&] { return batches_.size() >= count; });
  }
  // A batch, among those that have come and those that come before the deadline, that `fits`.
  bool wait_for(const std::function<bool(const Batch&)>& fits) {
    std::unique_lock lock(mutex_);
    std::size_t seen = 0;
    return arrived_.wait_for(lock, kDeadline, [&] {
      while (seen < batches_.size())
        if (fits(batches_[seen++])) return true;
      return false;
    });
  }
  std::vector<Batch> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  // How often the sink was called.
  std::size_t slots() {
    const std::lock_guard lock(mutex_);
    return slots_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    batches_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Batch> batches_;
  std::size_t slots_ = 0;
};

inline SampledCollector sampled(std::string name, std::function<void(Batch&)> action,
                                Nanoseconds period = Nanoseconds::zero()) {
  return {std::move(name), period,
          [action = std::move(action)] { return std::make_unique<FakeCollector>(action); }};
}

inline std::vector<SampledCollector> one(std::function<void(Batch&)> action = {},
                                         Nanoseconds period = Nanoseconds::zero()) {
  return {sampled("fake", std::move(action), period)};
}

}  // namespace tegrascope::test
