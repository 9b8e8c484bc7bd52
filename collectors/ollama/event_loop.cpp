#include "collectors/ollama/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "collectors/ollama/socket.hpp"

namespace tegrascope {
namespace {

int checked(int descriptor) {
  if (descriptor >= 0) return descriptor;
  throw std::system_error(errno, std::generic_category(),
                          "the relay gets no descriptor to wait with; raise LimitNOFILE= (ulimit -n)");
}

}  // namespace

// Runs at once, ends by itself.
struct EventLoop::Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

EventLoop::EventLoop()
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC))), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (wake_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0) return;
  const int error = errno;
  if (wake_ >= 0) ::close(wake_);
  ::close(epoll_);
  errno = error;
  checked(-1);
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

void EventLoop::post(std::function<void()> function) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(function));
  }
  ::eventfd_write(wake_, 1);
}

void EventLoop::spawn(Task task, std::function<void(std::exception_ptr)> ended) {
  live(std::move(task), std::move(ended));
}

EventLoop::Detached EventLoop::live(Task task, std::function<void(std::exception_ptr)> ended) {
  ++tasks_;
  {
    const Task running = std::move(task);
    std::exception_ptr failure;
    try {
      co_await running;
    } catch (...) {
      failure = std::current_exception();
    }
    guarded([&] { ended(failure); });
    ended = nullptr;
  }
  --tasks_;
}

void EventLoop::guarded(const std::function<void()>& function) noexcept {
  try {
    function();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void EventLoop::watch(Socket& socket, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &socket;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.descriptor(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "the relay cannot wait for a socket");
}

// Closing alone does not end the watch where another process holds the socket too: systemd a listener, a child any until
// its exec (epoll(7)). And it may end before it is told of what has been fetched already.
void EventLoop::forget(const Socket& socket) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.descriptor(), nullptr);
  for (int i = next_event_; i < event_count_; ++i)
    if (events_[static_cast<std::size_t>(i)].data.ptr == &socket) events_[static_cast<std::size_t>(i)] = {};
}

[[gnu::hot]] void EventLoop::wait_for_events() {
  int timeout_ms = ready_.empty() ? -1 : 0;
  if (!timers_.empty() && timeout_ms != 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - monotonic_now());
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
  }
  const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  event_count_ = std::max(count, 0);  // interrupted: none
  woken_at_ = monotonic_now();
  for (next_event_ = 0; next_event_ < event_count_;) {
    const epoll_event event = events_[static_cast<std::size_t>(next_event_++)];
    if (auto* socket = static_cast<Socket*>(event.data.ptr)) {
      socket->on_events(event.events);
    } else {
      posted_may_wait_ = true;  // or it has been forgotten
    }
  }
  event_count_ = 0;
  if (!timers_.empty()) run_timers();
}

void EventLoop::run_timers() {
  const MonotonicTime now = monotonic_now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer& timer = *timers_.begin()->second;
    const auto then = std::exchange(timer.then_, nullptr);
    timer.cancel();
    guarded(then);
  }
}

// Whether there was anything.
bool EventLoop::run_waiting() {
  std::vector<std::function<void()>> posted;
  if (std::exchange(posted_may_wait_, false)) {
    const std::lock_guard lock(mutex_);
    posted.swap(posted_);
  }
  const bool any = !posted.empty() || !ready_.empty();
  for (const auto& function : posted) guarded(function);
  resuming_.swap(ready_);
  for (const auto waiting : resuming_) waiting.resume();
  resuming_.clear();
  return any;
}

[[gnu::hot]] void EventLoop::run() {
  posted_may_wait_ = true;
  while (true) {
    if (posted_may_wait_ || !ready_.empty()) run_waiting();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (tasks_ > 0) {
      wait_for_events();
    } else {
      posted_may_wait_ = true;
      if (!run_waiting()) return;
    }
  }
}

void Timer::start(Nanoseconds after, std::function<void()> then) {
  cancel();
  then_ = std::move(then);
  place_ = loop_.timers_.emplace(monotonic_now() + after, this);
}

void Timer::cancel() {
  if (place_ != loop_.timers_.end()) loop_.timers_.erase(place_);
  place_ = loop_.timers_.end();
  then_ = nullptr;
}

}  // namespace tegrascope
