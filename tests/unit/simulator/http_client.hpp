// A blocking HTTP client for tests against the simulated Ollama.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tegrascope::test {

struct Reply {
  int status = 0;
  std::string head;
  std::string body;                 // without chunk framing
  std::vector<std::string> chunks;  // of a chunked answer
};

// One connection; closed when destroyed. Reads give up after 20 s.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect failed");
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send_raw(std::string_view text) {
    if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("send failed");
  }
  void send(std::string_view method, std::string_view path, std::string_view body = "") {
    std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    send_raw(text + "\r\n" + std::string(body));
  }
  // Reads until `text` has come; false at the end of the connection.
  bool read_until(std::string_view text) {
    while (in_.find(text) == std::string::npos)
      if (!read_more()) return false;
    return true;
  }
  Reply read_reply(bool head_only = false) {
    Reply reply;
    if (!read_until("\r\n\r\n")) throw std::runtime_error("no answer");
    const std::size_t end = in_.find("\r\n\r\n");
    reply.head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    if (head_only) return reply;
    if (reply.head.find("Transfer-Encoding: chunked") != std::string::npos) {
      read_chunks(reply);
    } else {
      const std::size_t at = reply.head.find("Content-Length: ");
      const std::size_t length = std::stoul(reply.head.substr(at + 16));
      while (in_.size() < length)
        if (!read_more()) throw std::runtime_error("answer cut");
      reply.body = in_.substr(0, length);
      in_.erase(0, length);
    }
    return reply;
  }
  bool closed_by_server() { return !read_more(); }

 private:
  bool read_more() {
    char buffer[4096];
    const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  void read_chunks(Reply& reply) {
    while (true) {
      if (!read_until("\r\n")) throw std::runtime_error("chunk cut");
      const std::size_t line = in_.find("\r\n");
      const std::size_t size = std::stoul(in_.substr(0, line), nullptr, 16);
      while (in_.size() < line + 2 + size + 2)
        if (!read_more()) throw std::runtime_error("chunk cut");
      if (size > 0) reply.chunks.push_back(in_.substr(line + 2, size));
      reply.body += in_.substr(line + 2, size);
      in_.erase(0, line + 2 + size + 2);
      if (size == 0) return;
    }
  }

  int fd_;
  std::string in_;
};

inline Reply request(std::uint16_t port, std::string_view method, std::string_view path,
                     std::string_view body = "") {
  Connection connection(port);
  connection.send(method, path, body);
  return connection.read_reply(method == "HEAD");
}

}  // namespace tegrascope::test
