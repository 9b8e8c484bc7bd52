// A bounded queue between threads: many producers, one consumer. Full, it drops the oldest and counts it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace tegrascope {

template <class T>
class Bus {
 public:
  // `wake` tells the consumer to take(). It is called when as many wait as set_wake_at() said, one at first: on the
  // producer's thread, or on the consumer's own where it finds them waiting.
  Bus(std::size_t capacity, std::function<void()> wake) : capacity_(capacity), wake_(std::move(wake)) {}

  void push(T item) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      const std::size_t before = queue_.size();
      add(std::move(item));
      wakes = reached(before);
    }
    if (wakes) wake_();
  }

  // Together: the consumer, which may run at once, wakes once for them and not for each.
  template <class Item>
  void push_all(std::vector<Item>&& items) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      const std::size_t before = queue_.size();
      for (Item& item : items) add(std::move(item));
      wakes = reached(before);
    }
    if (wakes) wake_();
  }

  // A consumer that looks by itself wants to be woken for many only.
  void set_wake_at(std::size_t waiting) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      wake_at_ = waiting;
      wakes = queue_.size() >= waiting;
    }
    if (wakes) wake_();
  }

  void wake() { wake_(); }

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
  void add(T item) {  // under the mutex
    if (queue_.size() >= capacity_) {
      queue_.pop_front();
      ++dropped_;
    }
    queue_.push_back(std::move(item));
  }

  bool reached(std::size_t before) const { return before < wake_at_ && queue_.size() >= wake_at_; }

  const std::size_t capacity_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<T> queue_;
  std::size_t wake_at_ = 1;
  std::uint64_t dropped_ = 0;
};

}  // namespace tegrascope
