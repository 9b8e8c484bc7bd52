// Writes files where nobody has to wait for the disk. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace tegrascope {

class DiskThread {
 public:
  DiskThread();
  ~DiskThread();  // stop(), in kPatience
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;

  // Runs `task`, which stands for `bytes` of memory, after those before it. False where `max_waiting` bytes wait
  // already: the task is dropped. A task must own what it uses: it may outlive the caller.
  bool post(std::size_t bytes, std::function<void()> task);

  // What waits is done; at `deadline` the thread is left behind with a disk that hangs. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);
  void stop() { stop(std::chrono::steady_clock::now() + kPatience); }

  static constexpr std::chrono::seconds kPatience{5};
  static constexpr std::size_t kMaxWaiting = 32u << 20;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tegrascope
