#include "exporters/http/server.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A blocking client; it gives up after 10 s.
class Client {
 public:
  explicit Client(std::uint16_t port, const std::string& to = "127.0.0.1")
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, to.c_str(), &address.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& text) const { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  // Up to the end of what was received so far holds `end`; all of it.
  std::string read_until(const std::string& end) {
    while (received_.find(end) == std::string::npos && receive()) {
    }
    return std::exchange(received_, {});
  }
  // Until the server closes.
  std::string read_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  bool closed_by_server() {
    read_all();
    return ended_;
  }

 private:
  bool receive() {
    char buffer[4096];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    ended_ = n == 0 || (n < 0 && errno == ECONNRESET);
    if (n <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string received_;
  bool ended_ = false;
};

class HttpServerTest : public testing::Test {
 protected:
  static HttpReply echo(const HttpRequest& r) {
    if (r.path == "/throw") throw std::runtime_error("secret detail");
    if (r.path == "/host") return text_reply(200, r.host + "\n");
    if (r.path == "/missing") return text_reply(404, "missing\n");
    return text_reply(
        200, r.method + " " + r.path + " " + r.query + " " + (r.loopback ? "loopback" : "beyond") + "\n");
  }

  void start(std::vector<std::string> addresses = {"127.0.0.1:0"}, HttpServerOptions options = {}) {
    server_.emplace(context_, std::move(addresses), &echo, options);
    ports_ = server_->start();
    thread_ = std::thread{[this] { context_.run(); }};
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    on_thread([this] { server_->stop(); });
    thread_.join();
  }
  // Runs `work` where the server runs and waits for it.
  void on_thread(std::function<void()> work) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::string ask(const std::string& request) const {
    Client client{ports_[0]};
    client.send(request);
    return client.read_all();
  }

  boost::asio::io_context context_;
  std::optional<HttpServer> server_;
  std::vector<std::uint16_t> ports_;
  std::thread thread_;
};

TEST_F(HttpServerTest, get) {
  start();
  const std::string reply = ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nContent-Length: 20\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\nGET /a b=c loopback\n"));
}

TEST_F(HttpServerTest, head_has_the_length_but_no_body) {
  start();
  const std::string reply = ask("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, HasSubstr("\r\nContent-Length: 18\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, one_connection_serves_many_requests) {
  start();
  Client client{ports_[0]};
  for (int i = 0; i < 3; ++i) {
    client.send("GET /n" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_until("loopback\n"), HasSubstr("GET /n" + std::to_string(i)));
  }
  client.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), EndsWith("\r\n\r\n"));
  client.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("/c  loopback\n"), HasSubstr("/b  loopback\n"));
}

TEST_F(HttpServerTest, http_1_0_closes) {
  start();
  EXPECT_THAT(ask("GET /a HTTP/1.0\r\n\r\n"), EndsWith("GET /a  loopback\n"));
}

TEST_F(HttpServerTest, other_methods) {
  start();
  const std::string reply = ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(reply, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, a_body_is_refused) {
  start();
  const std::string reply = ask("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, a_large_head_is_refused) {
  start();
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, garbage_is_refused) {
  start();
  EXPECT_THAT(ask("\x16\x03\x01 hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, a_status_of_the_handler_passes) {
  start();
  EXPECT_THAT(ask("GET /missing HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, a_handler_that_throws_tells_nothing) {
  start();
  const std::string reply = ask("GET /throw HTTP/1.0\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(reply, Not(HasSubstr("secret")));
}

TEST_F(HttpServerTest, a_silent_client_is_closed) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  start({"127.0.0.1:0"}, options);
  Client client{ports_[0]};
  client.send("GET / HT");
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, one_client_too_many_evicts_the_one_that_idled_longest) {
  HttpServerOptions options;
  options.max_connections = 2;
  start({"127.0.0.1:0"}, options);
  Client first{ports_[0]};
  first.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  first.read_until("loopback\n");
  Client second{ports_[0]};
  second.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  second.read_until("loopback\n");
  Client third{ports_[0]};
  third.send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(third.read_until("loopback\n"), HasSubstr("/3"));
  EXPECT_TRUE(first.closed_by_server());
  second.send("GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(second.read_until("loopback\n"), HasSubstr("/4"));
}

TEST_F(HttpServerTest, several_listeners) {
  start({"127.0.0.1:0", "localhost:0", "0.0.0.0:0"});
  ASSERT_EQ(ports_.size(), 3u);
  for (const std::uint16_t port : ports_) {
    Client client{port};
    client.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(client.read_all(), EndsWith("loopback\n"));
  }
}

// An address of this machine beyond loopback; empty: it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* i = all; i != nullptr && found.empty(); i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(i->ifa_addr);
    found = ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
  }
  ::freeifaddrs(all);
  return found;
}

TEST_F(HttpServerTest, what_counts_is_the_address_that_a_client_came_to) {
  const std::string beyond = own_address();
  if (beyond.empty()) GTEST_SKIP() << "this machine has no address beyond loopback";
  start({"0.0.0.0:0"});
  for (const auto& [address, word] :
       {std::pair{std::string("127.0.0.1"), "loopback\n"}, {beyond, "beyond\n"}}) {
    Client client{ports_[0], address};
    client.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(client.read_all(), EndsWith(word)) << address;
  }
}

TEST_F(HttpServerTest, an_ipv4_client_of_an_ipv6_listener_is_on_loopback) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) GTEST_SKIP() << "this machine has no IPv6";
  ::close(probe);
  start({":0"});
  EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), EndsWith("loopback\n"));
}

TEST_F(HttpServerTest, the_host_reaches_the_handler) {
  start();
  EXPECT_THAT(ask("GET /host HTTP/1.1\r\nHost: a.example:1\r\nConnection: close\r\n\r\n"),
              EndsWith("a.example:1\n"));
}

TEST_F(HttpServerTest, a_port_in_use_is_named_and_nothing_listens) {
  start();
  const std::string taken = "127.0.0.1:" + std::to_string(ports_[0]);
  HttpServer second{context_, {"127.0.0.1:0", taken}, &echo};
  try {
    second.start();
    FAIL() << "two servers on one port";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), StartsWith("cannot listen on " + taken + ": "));
    EXPECT_THAT(e.what(), HasSubstr("--web.listen-address"));
  }
}

TEST_F(HttpServerTest, stop_closes_connections_and_the_port_is_free_again) {
  start();
  Client client{ports_[0]};
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("loopback\n");
  on_thread([this] { server_->stop(); });
  EXPECT_TRUE(client.closed_by_server());
  thread_.join();
  EXPECT_EQ(server_->connections(), 0u);
  HttpServer again{context_, {"127.0.0.1:" + std::to_string(ports_[0])}, &echo};
  EXPECT_EQ(again.start(), ports_);
}

TEST_F(HttpServerTest, child_processes_inherit_no_socket) {
  start();
  Client client{ports_[0]};
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_until("loopback\n");
  int listeners = 0;
  int accepted = 0;
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
    if (address.sin_family != AF_INET || ntohs(address.sin_port) != ports_[0]) continue;
    int listening = 0;
    length = sizeof listening;
    ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
    ++(listening != 0 ? listeners : accepted);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(listeners, 1);
  EXPECT_EQ(accepted, 1);
}

}  // namespace
}  // namespace tegrascope
