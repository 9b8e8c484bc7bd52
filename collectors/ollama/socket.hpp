// A socket that coroutines wait for, on the thread of its EventLoop. Waiting again and again costs no system call but
// the loop's own, and the kernel tells of each change once: it is watched edge-triggered (epoll(7)).
#pragma once

#include <boost/system/error_code.hpp>
#include <coroutine>
#include <cstdint>
#include <span>
#include <string_view>

#include "collectors/ollama/event_loop.hpp"

namespace tegrascope {

using boost::system::error_code;

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

  // co_await: until there may be something to read, or room to write, or the other side has gone, or close(). One
  // coroutine at a time waits for each. Throws std::system_error when the kernel refuses.
  Wait readable() { return {*this, EPOLLIN}; }
  Wait writable() { return {*this, EPOLLOUT}; }

  // What there is, at most the buffer's size. 0 with an error otherwise; the end of a stream is
  // boost::asio::error::eof.
  std::size_t receive(std::span<char> buffer, error_code& ec);

  // Sends what fits at once and returns how much that was; 0 without error when the peer does not take any now.
  std::size_t send(std::string_view bytes, error_code& ec);

  // There is nothing to read until the kernel tells of more. receive() says it itself.
  void mark_drained() { may_read_ = false; }

  void on_events(std::uint32_t events);  // of the loop

 private:
  void wait(std::uint32_t event, std::coroutine_handle<> waiting);

  EventLoop& loop_;
  int descriptor_;
  bool watched_ = false;
  bool may_read_ = false;   // as far as has been told
  bool may_write_ = false;  // likewise
  bool read_on_ = false;    // what has been told may lie behind the bytes that one receive() gets
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
};

// Of calls that would have to wait.
bool would_block(const error_code& ec);

}  // namespace tegrascope
