#include "tests/bench/token_load.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <stdexcept>
#include <string_view>

namespace tegrascope::test {
namespace {

constexpr std::int64_t kSecond = 1000000000;
constexpr std::string_view kStamp = "\"sent_ns\":";

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

void wait_for(std::vector<pollfd>& sockets, std::int64_t until_ns) {
  const std::int64_t left = std::max<std::int64_t>(until_ns - now_ns(), 0);
  const timespec timeout{left / kSecond, left % kSecond};
  ppoll(sockets.data(), sockets.size(), &timeout, nullptr);
}

void at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

// Everything that waits; false: the other side has closed.
bool read_some(int fd, std::string& bytes) {
  char buffer[65536];
  const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
  if (count > 0) bytes.append(buffer, static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void send_all(int fd, const std::string& text) {
  send(fd, text.data(), text.size(), MSG_NOSIGNAL);  // a few hundred bytes: the buffer has room
}

std::string chunk(const std::string& line) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", line.size() + 1);
  return size + line + "\n\r\n";
}

}  // namespace

struct TokenServer::Connection {
  int fd = -1;
  std::string in;
  bool open = true;
  int left = 0;  // tokens of the answer under way
  int tokens = 0;
  std::int64_t interval = 0;
  std::int64_t due = 0;
};

TokenServer::TokenServer() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 1024) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { run(); });
}

TokenServer::~TokenServer() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void TokenServer::set(const TokenLoad& load) {
  tokens_ = load.tokens;
  interval_ns_ = std::chrono::nanoseconds(load.interval).count();
  lockstep_ = load.lockstep;
}

// Answers what has come whole.
void TokenServer::serve(Connection& connection) {
  if (connection.left > 0) return;
  const std::size_t head = connection.in.find("\r\n\r\n");
  if (head == std::string::npos) return;
  const std::size_t length_at = connection.in.find("Content-Length: ");
  const std::size_t length =
      length_at < head ? std::strtoul(connection.in.c_str() + length_at + 16, nullptr, 10) : 0;
  if (connection.in.size() < head + 4 + length) return;
  const bool generates = connection.in.rfind("POST /api/generate", 0) == 0;
  connection.in.erase(0, head + 4 + length);
  if (!generates) {
    send_all(
        connection.fd,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"models\":[]}");
    return;
  }
  connection.left = connection.tokens = tokens_;
  connection.interval = interval_ns_;
  connection.due = now_ns() + connection.interval;
  if (lockstep_) connection.due -= connection.due % connection.interval;
  send_all(connection.fd,
           "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void TokenServer::send_token(Connection& connection) {
  connection.due += connection.interval;
  send_all(connection.fd, chunk(R"({"model":"bench:1b","created_at":"2026-01-01T00:00:00.000000000Z",)"
                                R"("response":" token","done":false,"sent_ns":)" +
                                std::to_string(now_ns()) + "}"));
  ++sent_;
  if (--connection.left > 0) return;
  const std::string decode = std::to_string(connection.interval * connection.tokens);
  send_all(connection.fd,
           chunk(R"({"model":"bench:1b","response":"","done":true,"done_reason":"stop",)"
                 R"("load_duration":1000000,"prompt_eval_count":26,"prompt_eval_duration":1000000,)"
                 R"("eval_count":)" +
                 std::to_string(connection.tokens) + R"(,"eval_duration":)" + decode +
                 R"(,"total_duration":)" + decode + "}") +
               "0\r\n\r\n");
  serve(connection);
}

void TokenServer::run() {
  std::list<Connection> connections;
  std::vector<pollfd> sockets;
  while (!stopping_) {
    std::int64_t next = now_ns() + kSecond / 10;
    sockets.assign(1, {listener_, POLLIN, 0});
    for (const Connection& connection : connections) {
      sockets.push_back({connection.fd, POLLIN, 0});
      if (connection.left > 0) next = std::min(next, connection.due);
    }
    wait_for(sockets, next);
    std::size_t i = 1;
    for (Connection& connection : connections) {
      if (sockets[i++].revents != 0) connection.open = read_some(connection.fd, connection.in);
      serve(connection);
      if (connection.open && connection.left > 0 && connection.due <= now_ns()) send_token(connection);
    }
    connections.remove_if([](const Connection& connection) {
      if (!connection.open) close(connection.fd);
      return !connection.open;
    });
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      at_once(fd);
      connections.emplace_back().fd = fd;
    }
  }
  for (const Connection& connection : connections) close(connection.fd);
}

double TokenTimes::percentile(double p) const {
  if (latency_us.empty()) return 0;
  const auto last = static_cast<double>(latency_us.size() - 1);
  return latency_us[static_cast<std::size_t>(p * last)];
}

TokenTimes read_tokens(const std::string& port, const TokenLoad& load, std::chrono::milliseconds warm_up,
                       std::chrono::milliseconds time) {
  const std::string body = R"({"model":"bench:1b","prompt":"go"})";
  const std::string request =
      "POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1:" + port +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));

  struct Stream {
    std::string in;
    std::int64_t begins = 0;
    bool begun = false;
  };
  TokenTimes out;
  std::vector<Stream> streams(static_cast<std::size_t>(load.streams));
  std::vector<pollfd> sockets;
  const std::int64_t begin = now_ns();
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ++out.bad;
    at_once(fd);
    sockets.push_back({fd, POLLIN, 0});
    // Phases spread over an interval, and ends over the length of an answer.
    const std::int64_t answer = std::chrono::nanoseconds(load.interval).count() * load.tokens;
    streams[i].begins =
        begin + (load.lockstep ? 0 : answer * static_cast<std::int64_t>(i) / load.streams / 2);
  }
  const std::int64_t counts_from = begin + std::chrono::nanoseconds(warm_up).count();
  const std::int64_t end = counts_from + std::chrono::nanoseconds(time).count();
  for (std::int64_t now = begin; now < end; now = now_ns()) {
    std::int64_t next = end;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].begun) continue;
      if ((streams[i].begun = streams[i].begins <= now)) send_all(sockets[i].fd, request);
      next = std::min(next, std::max(streams[i].begins, now));
    }
    wait_for(sockets, next);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (sockets[i].revents == 0) continue;
      std::string& in = streams[i].in;
      if (!read_some(sockets[i].fd, in)) {
        ++out.bad;
        sockets[i].fd = -sockets[i].fd;
        continue;
      }
      const std::int64_t came = now_ns();
      std::size_t done = 0;
      bool ended = false;
      for (std::size_t line; (line = in.find('\n', done)) != std::string::npos; done = line + 1) {
        ended = ended || in.compare(done, line - done, "0\r") == 0;  // the last chunk
        const std::size_t stamp = in.find(kStamp, done);
        if (stamp >= line) continue;
        const std::int64_t sent = std::strtoll(in.c_str() + stamp + kStamp.size(), nullptr, 10);
        if (sent >= counts_from) out.latency_us.push_back(static_cast<double>(came - sent) / 1e3);
      }
      in.erase(0, done);
      if (ended) send_all(sockets[i].fd, request);
    }
  }
  for (const pollfd& socket : sockets) close(std::abs(socket.fd));
  std::sort(out.latency_us.begin(), out.latency_us.end());
  return out;
}

}  // namespace tegrascope::test
