// A descriptor of a socket that coroutines wait for, on the thread of its EventLoop. It is watched for reading until
// bytes come that nobody waits for, so waiting again and again costs no system call but the loop's own.
#pragma once

#include <coroutine>
#include <cstdint>

#include "collectors/ollama/event_loop.hpp"

namespace tegrascope {

class Socket {
 public:
  // Owns `descriptor`, which must be non-blocking; -1: closed.
  explicit Socket(EventLoop& loop, int descriptor = -1) : loop_(loop), descriptor_(descriptor) {}
  ~Socket() { close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  void open(int descriptor);  // in the place of what it had
  void close();               // who waits for it is resumed soon

  struct Wait {
    Socket& socket;
    const std::uint32_t event;
    bool await_ready() const noexcept { return !socket.is_open(); }
    void await_suspend(std::coroutine_handle<> waiting) const { socket.wait(event, waiting); }
    void await_resume() const noexcept {}
  };

  // co_await: until there is something to read, or room to write, or the other side has gone, or close(). One
  // coroutine at a time waits for each. Throws std::system_error when the kernel refuses.
  Wait readable() { return {*this, EPOLLIN}; }
  Wait writable() { return {*this, EPOLLOUT}; }

  void on_events(std::uint32_t events);  // of the loop

 private:
  void wait(std::uint32_t event, std::coroutine_handle<> waiting);
  void watch(std::uint32_t events);

  EventLoop& loop_;
  int descriptor_;
  std::uint32_t watched_ = 0;  // for EPOLLIN, EPOLLOUT
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
};

}  // namespace tegrascope
