#include "tests/support/scripted_upstream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tegrascope::test {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

bool ready(int fd, short events, int timeout_ms) {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

constexpr int kDeadlineMs = static_cast<int>(std::chrono::milliseconds(kDeadline).count());

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

TcpPeer& TcpPeer::operator=(TcpPeer&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.fd_;
    other.fd_ = -1;
  }
  return *this;
}

TcpPeer TcpPeer::connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TcpPeer peer(fd);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail(std::string("connect: ") + std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return peer;
}

void TcpPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!ready(fd_, POLLOUT, kDeadlineMs)) fail("send: the peer takes no bytes");
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail(std::string("send: ") + std::strerror(errno));
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void TcpPeer::wait_readable() const {
  if (!ready(fd_, POLLIN, kDeadlineMs)) fail("read: nothing came");
}

bool TcpPeer::has_bytes_now() const { return ready(fd_, POLLIN, 0); }

std::string TcpPeer::read_some() {
  wait_readable();
  char buffer[64 * 1024];
  const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
  if (count < 0) fail(std::string("read: ") + std::strerror(errno));
  return {buffer, static_cast<std::size_t>(count)};
}

std::string TcpPeer::read_exactly(std::size_t count) {
  std::string out;
  char buffer[64 * 1024];
  while (out.size() < count) {
    wait_readable();
    const ssize_t got = ::recv(fd_, buffer, std::min(sizeof buffer, count - out.size()), 0);
    if (got <= 0) fail("read: the connection ended after " + std::to_string(out.size()) + " bytes");
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

std::string TcpPeer::read_until(std::string_view end) {
  std::string out;
  while (out.size() < end.size() || std::string_view(out).substr(out.size() - end.size()) != end)
    out += read_exactly(1);
  return out;
}

std::string TcpPeer::read_to_end() {
  std::string out;
  while (true) {
    const std::string piece = read_some();
    if (piece.empty()) return out;
    out += piece;
  }
}

TcpPeer::End TcpPeer::wait_for_end() {
  char buffer[64 * 1024];
  while (true) {
    wait_readable();
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count == 0) return End::fin;
    if (count < 0) return End::reset;
  }
}

void TcpPeer::finish_sending() { ::shutdown(fd_, SHUT_WR); }

void TcpPeer::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void TcpPeer::reset() {
  const linger drop{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
  close();
}

ScriptedUpstream::ScriptedUpstream(std::uint16_t port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(port);
  socklen_t length = sizeof address;
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd_, SOMAXCONN) != 0)
    fail(std::string("cannot listen: ") + std::strerror(errno));
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
}

ScriptedUpstream::~ScriptedUpstream() { stop_listening(); }

void ScriptedUpstream::stop_listening() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool ScriptedUpstream::has_connection_now() const { return ready(fd_, POLLIN, 0); }

TcpPeer ScriptedUpstream::accept() {
  if (!ready(fd_, POLLIN, kDeadlineMs)) fail("accept: nobody connected");
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) fail("accept failed");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return TcpPeer(fd);
}

}  // namespace tegrascope::test
