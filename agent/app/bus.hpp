// A bounded queue between threads: many producers, one consumer. Full, it drops the oldest and counts it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace tegrascope {

template <class T>
class Bus {
 public:
  // `wake` is called on the producer's thread when the queue was empty; it tells the consumer to take(). On the
  // consumer's own where set_wakes() finds something.
  Bus(std::size_t capacity, std::function<void()> wake) : capacity_(capacity), wake_(std::move(wake)) {}

  void push(T item) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      wakes = wakes_ && queue_.empty();
      if (queue_.size() >= capacity_) {
        queue_.pop_front();
        ++dropped_;
      }
      queue_.push_back(std::move(item));
    }
    if (wakes) wake_();
  }

  // False: push() wakes nobody, the consumer looks by itself. True: it wakes again, now as well where something waits.
  void set_wakes(bool wakes) {
    bool waits = false;
    {
      const std::lock_guard lock(mutex_);
      wakes_ = wakes;
      waits = !queue_.empty();
    }
    if (wakes && waits) wake_();
  }

  // Everything that waits, in order.
  std::deque<T> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(queue_, {});
  }

  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  const std::size_t capacity_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<T> queue_;
  bool wakes_ = true;
  std::uint64_t dropped_ = 0;
};

}  // namespace tegrascope
