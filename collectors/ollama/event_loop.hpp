// The loop of the relay thread, over epoll. Nothing but post() may be called from another thread while run() runs.
//
// Between a token and the next all caches have gone cold, so what a token costs is how much code and data its way
// through the relay touches. Hence a loop of this size, which makes three system calls for a token, the fewest that
// epoll allows, and sets no timer for it.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <coroutine>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/model/time.hpp"
#include "collectors/ollama/task.hpp"

namespace tegrascope {

class Socket;
class Timer;

class EventLoop {
 public:
  EventLoop();  // throws std::system_error where the kernel gives no descriptor
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Returns when no spawned task lives and nothing posted waits; may be called again. What a timer or a posted
  // function throws comes out here, and nothing is lost when it is called again.
  void run();

  // Any thread: `function` is called by run().
  void post(std::function<void()> function);

  // Runs the task until it first waits. `ended` is called when it has ended, with what it threw.
  void spawn(Task task, std::function<void(std::exception_ptr)> ended);

  // When the events came that are being told of; of the relay thread.
  MonotonicTime woken_at() const { return woken_at_; }

  // Not now, for who calls this may be in the middle of something, but before run() waits again. What comes meanwhile is
  // told first, so who always has more to do stops nobody.
  void resume_soon(std::coroutine_handle<> waiting) { ready_.push_back(waiting); }

 private:
  friend class Socket;
  friend class Timer;
  struct Detached;
  using Timers = std::multimap<MonotonicTime, Timer*>;

  Detached live(Task task, std::function<void(std::exception_ptr)> ended);
  void watch(Socket& socket, std::uint32_t events);
  void forget(const Socket& socket);
  void wait_for_events();
  bool run_waiting();
  void run_timers();
  void guarded(const std::function<void()>& function) noexcept;

  const int epoll_;
  const int wake_;  // an eventfd
  std::array<epoll_event, 64> events_;
  MonotonicTime woken_at_{};
  int next_event_ = 0;  // that is still to be told, of
  int event_count_ = 0;
  std::size_t tasks_ = 0;  // that live
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> resuming_;  // empty but for its memory
  bool posted_may_wait_ = true;
  Timers timers_;
  std::exception_ptr failure_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // under mutex_
};

// Calls a function after a time.
class Timer {
 public:
  explicit Timer(EventLoop& loop) : loop_(loop), place_(loop.timers_.end()) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Nanoseconds after, std::function<void()> then);  // instead of what it was to do
  void cancel();

 private:
  friend class EventLoop;

  EventLoop& loop_;
  EventLoop::Timers::iterator place_;  // end(): it does not run
  std::function<void()> then_;
};

// One coroutine waits (co_await) until wake() is called.
class Wakeup {
 public:
  explicit Wakeup(EventLoop& loop) : loop_(loop) {}
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}

  void wake() {
    if (waiting_) loop_.resume_soon(std::exchange(waiting_, {}));
  }

 private:
  EventLoop& loop_;
  std::coroutine_handle<> waiting_;
};

}  // namespace tegrascope
