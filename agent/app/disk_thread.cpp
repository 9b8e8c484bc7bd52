#include "agent/app/disk_thread.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/app/log.hpp"

namespace tegrascope {
// Shared with the thread, which may be left behind.
struct DiskThread::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<std::size_t, std::function<void()>>> tasks;
  std::size_t waiting = 0;  // bytes, of the one at work too
  bool stopping = false;
  bool ended = false;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return stopping || !tasks.empty(); });
      if (tasks.empty()) break;
      const std::size_t bytes = tasks.front().first;
      std::function<void()> task = std::move(tasks.front().second);
      tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      waiting -= bytes;
    }
    ended = true;
    changed.notify_all();
  }
};

DiskThread::DiskThread() : state_(std::make_shared<State>()) {
  std::thread([state = state_] { state->run(); }).detach();
}

DiskThread::~DiskThread() { stop(std::chrono::steady_clock::now() + kPatience); }

bool DiskThread::post(std::size_t bytes, std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping || state_->waiting + bytes > kMaxWaiting) return false;
  state_->waiting += bytes;
  state_->tasks.emplace_back(bytes, std::move(task));
  state_->changed.notify_all();
  return true;
}

void DiskThread::stop(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(state_->mutex);
  if (std::exchange(state_->stopping, true)) return;
  state_->changed.notify_all();
  if (!state_->changed.wait_until(lock, deadline, [this] { return state_->ended; }))
    log_warn("the disk hangs: what was not written yet is lost",
             {{"waiting_bytes", std::to_string(state_->waiting)}});
}

}  // namespace tegrascope
