#include "collectors/ollama/socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

namespace tegrascope {
namespace {

// Of what is told only once and may lie behind bytes: the end, an error, urgent data, at which recv(2) stops short.
constexpr std::uint32_t kReadOn = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

bool would_block(const error_code& ec) { return ec == boost::asio::error::would_block; }

void Socket::open(int descriptor) {
  close();
  descriptor_ = descriptor;
  may_read_ = may_write_ = read_on_ = false;
}

void Socket::close() {
  if (!is_open()) return;
  if (std::exchange(watched_, false)) loop_.forget(*this);
  ::close(std::exchange(descriptor_, -1));
  for (std::coroutine_handle<>* waiting : {&reader_, &writer_})
    if (*waiting) loop_.resume_soon(std::exchange(*waiting, {}));
}

[[gnu::hot]] void Socket::wait(std::uint32_t event, std::coroutine_handle<> waiting) {
  if (event == EPOLLIN ? may_read_ : may_write_) return loop_.resume_soon(waiting);  // others come first
  if (!watched_) loop_.watch(*this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
  watched_ = true;
  (event == EPOLLIN ? reader_ : writer_) = waiting;
}

[[gnu::hot]] void Socket::on_events(std::uint32_t events) {
  if ((events & kReadOn) != 0) read_on_ = true;
  if ((events & (EPOLLIN | kReadOn)) != 0) may_read_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) may_write_ = true;
  const auto reader = may_read_ ? std::exchange(reader_, {}) : nullptr;
  const auto writer = may_write_ ? std::exchange(writer_, {}) : nullptr;
  // Either may end this.
  if (reader) reader.resume();
  if (writer) writer.resume();
}

[[gnu::hot]] std::size_t Socket::receive(std::span<char> buffer, error_code& ec) {
  ssize_t received = 0;
  do {
    received = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  } while (received < 0 && errno == EINTR);
  ec = error_code();
  if (received > 0) {
    const auto count = static_cast<std::size_t>(received);
    if (count < buffer.size() && !read_on_) mark_drained();
    return count;
  }
  ec = received == 0 ? error_code(boost::asio::error::eof) : last_error();
  if (would_block(ec)) mark_drained();
  return 0;
}

[[gnu::hot]] std::size_t Socket::send(std::string_view bytes, error_code& ec) {
  ssize_t sent = 0;
  do {
    sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  ec = error_code();
  const bool blocked = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (sent < 0 && !blocked) {
    ec = last_error();
    return 0;
  }
  const auto count = static_cast<std::size_t>(blocked ? 0 : sent);
  if (count < bytes.size()) may_write_ = false;
  return count;
}

}  // namespace tegrascope
