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
  // `wake` is called on the producer's thread when the queue was empty; it tells the consumer to take().
  Bus(std::size_t capacity, std::function<void()> wake) : capacity_(capacity), wake_(std::move(wake)) {}

  void push(T item) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      add(std::move(item));
    }
    if (was_empty) wake_();
  }
  // Together: the consumer, which may run at once, wakes once for them and not for each.
  template <class Item>
  void push_all(std::vector<Item>&& items) {
    bool wakes = false;
    {
      const std::lock_guard lock(mutex_);
      wakes = queue_.empty() && !items.empty();
      for (Item& item : items) add(std::move(item));
    }
    if (wakes) wake_();
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
  void add(T item) {  // under the mutex
    if (queue_.size() >= capacity_) {
      queue_.pop_front();
      ++dropped_;
    }
    queue_.push_back(std::move(item));
  }

  const std::size_t capacity_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<T> queue_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tegrascope
