// Carries what happens on another thread to a test that waits for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tegrascope {

template <typename T>
class EventQueue {
 public:
  void push(T value) {
    const std::lock_guard lock{mutex_};
    values_.push_back(std::move(value));
    changed_.notify_all();
  }

  // The next one that fits, dropping those before it; nothing when none comes in time.
  template <typename Fits>
  std::optional<T> wait_for(Fits fits, std::chrono::seconds deadline = std::chrono::seconds{20}) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    std::unique_lock lock{mutex_};
    while (true) {
      while (!values_.empty()) {
        T value = std::move(values_.front());
        values_.pop_front();
        if (fits(value)) return value;
      }
      if (changed_.wait_until(lock, until) == std::cv_status::timeout && values_.empty()) return std::nullopt;
    }
  }

  std::optional<T> next() {
    return wait_for([](const T&) { return true; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

}  // namespace tegrascope
