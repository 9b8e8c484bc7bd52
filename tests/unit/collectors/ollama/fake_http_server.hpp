// A tiny HTTP server for tests: one thread, loopback, any free port. It answers what a function says, or
// stalls.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tegrascope {

struct FakeRequest {
  std::string method;
  std::string path;
  std::string head;  // request line and fields
  std::string body;
};

class FakeHttpServer {
 public:
  // The bytes to send back, or nothing: the connection stays open without an answer. Runs on the server's
  // thread.
  using Handler = std::function<std::optional<std::string>(const FakeRequest&)>;

  explicit FakeHttpServer(Handler handler) : handler_(std::move(handler)) { start(); }
  ~FakeHttpServer() { stop(); }
  FakeHttpServer(const FakeHttpServer&) = delete;
  FakeHttpServer& operator=(const FakeHttpServer&) = delete;

  static std::string answer(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "http://" + name(); }

  // Listens, again on the same port after stop().
  void start() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
        ::pipe(wake_.data()) != 0) {
      throw std::runtime_error("test server cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }

  // Cuts every connection; afterwards connections are refused.
  void stop() {
    if (!thread_.joinable()) return;
    ::close(wake_[1]);
    thread_.join();
    ::close(wake_[0]);
    ::close(listener_);
    for (const auto& [fd, text] : connections_) ::close(fd);
    connections_.clear();
  }

 private:
  void run() {
    while (true) {
      std::vector<pollfd> fds{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& [fd, text] : connections_) fds.push_back({fd, POLLIN, 0});
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[0].revents != 0) return;
      if (fds[1].revents != 0) connections_[::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)];
      for (std::size_t i = 2; i < fds.size(); ++i) {
        if (fds[i].revents != 0) read_from(fds[i].fd);
      }
    }
  }

  void read_from(int fd) {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      ::close(fd);
      connections_.erase(fd);
      return;
    }
    std::string& text = connections_[fd];
    text.append(buffer.data(), static_cast<std::size_t>(n));
    while (const auto request = take_request(text)) {
      if (const auto reply = handler_(*request)) ::send(fd, reply->data(), reply->size(), MSG_NOSIGNAL);
    }
  }

  static std::optional<FakeRequest> take_request(std::string& text) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    FakeRequest request;
    request.head = text.substr(0, end + 2);
    std::string lower = request.head;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    const std::size_t field = lower.find("\r\ncontent-length: ");
    const std::size_t length = field == std::string::npos ? 0 : std::stoul(lower.substr(field + 18));
    if (text.size() < end + 4 + length) return std::nullopt;
    request.body = text.substr(end + 4, length);
    const std::size_t space = request.head.find(' ');
    request.method = request.head.substr(0, space);
    request.path = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
    text.erase(0, end + 4 + length);
    return request;
  }

  const Handler handler_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::array<int, 2> wake_{-1, -1};
  std::map<int, std::string> connections_;  // what was received and not answered yet
  std::thread thread_;
};

}  // namespace tegrascope
