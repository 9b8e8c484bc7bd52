// The agent as systemd starts it: Type=notify with a watchdog, listening sockets passed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "tests/support/held_sockets.hpp"
#include "tests/support/idle_simulation.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// systemd's end of the notification socket.
class NotifySocket {
 public:
  explicit NotifySocket(std::string path)
      : path_(std::move(path)), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) throw std::runtime_error("too long a path: " + path_);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot bind " + path_);
    }
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  const std::string& path() const { return path_; }

  // The next message that begins with `prefix`, others skipped; empty when none comes in time.
  std::string next(const std::string& prefix, std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) != 1) return "";
      std::array<char, 4096> text{};
      const ssize_t count = ::recv(fd_, text.data(), text.size(), 0);
      std::string message(text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      if (message.starts_with(prefix)) return message;
    }
  }

 private:
  std::string path_;
  int fd_;
};

class ServiceManager : public IdleSimulation {
 protected:
  std::unique_ptr<ChildProcess> start(const std::vector<std::string>& more = {}) {
    return sockets_.start_agent(flags(more), directory_.root(), "relay:web",
                                {"NOTIFY_SOCKET=" + notify_.path(), "WATCHDOG_USEC=400000"});
  }

  NotifySocket notify_{(directory_.root() / "notify").string()};
  HeldSockets sockets_;
};

TEST_F(ServiceManager, ReadyIsToldWhenThePassedPortsAnswer) {
  const auto agent = start();
  const std::string ready = notify_.next("READY=1", 20s);
  ASSERT_THAT(ready, StartsWith("READY=1")) << agent->errors();
  EXPECT_THAT(ready, HasSubstr("STATUS=1 Ollama watched, metrics on port "));
  EXPECT_THAT(ready, HasSubstr(", relay on port " + std::to_string(sockets_.relay_port())));
  EXPECT_EQ(http_get(sockets_.web_url() + "/-/healthy").status, 200);
  EXPECT_EQ(http_get(sockets_.relay_url() + "/api/version").status, 200);
}

TEST_F(ServiceManager, TheServiceThreadFeedsTheWatchdogUntilTheEnd) {
  const auto agent = start({"--relay.drain-time=10s"});
  ASSERT_NE(notify_.next("READY=1", 20s), "") << agent->errors();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) ASSERT_EQ(notify_.next("WATCHDOG=1", 5s), "WATCHDOG=1");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 600ms) << "five in four half intervals of 200 ms";

  // While a stream drains the agent is stopping, not hanging.
  TestAnswer answer;
  std::atomic<bool> first{false};
  std::thread client([&] {
    answer = http_post(sockets_.relay_url() + "/api/chat", kThreeSeconds, [&](const std::string&) {
      first = true;
      return true;
    });
  });
  // The socket holds ten messages: somebody must read all the time, as systemd does.
  EXPECT_TRUE(wait_until(20s, [&] {
    notify_.next("WATCHDOG=1", 1ms);
    return first.load();
  }));
  agent->signal(SIGTERM);
  EXPECT_THAT(notify_.next("STOPPING=1", 5s), StartsWith("STOPPING=1"));
  EXPECT_EQ(notify_.next("WATCHDOG=1", 5s), "WATCHDOG=1");
  EXPECT_TRUE(wait_until(20s, [&] {
    notify_.next("WATCHDOG=1", 1ms);
    return !agent->running();
  }));
  EXPECT_EQ(agent->wait_for(0ms), 0) << agent->errors();
  client.join();
  EXPECT_EQ(answer.error, "");
}

TEST_F(ServiceManager, ASleepingServiceThreadDoesNotFeedTheWatchdog) {
  const auto agent = start();
  ASSERT_NE(notify_.next("READY=1", 20s), "") << agent->errors();
  agent->signal(SIGSTOP);
  while (notify_.next("WATCHDOG=1", 1s) != "") {
  }
  agent->signal(SIGCONT);
  EXPECT_EQ(notify_.next("WATCHDOG=1", 5s), "WATCHDOG=1");
}

}  // namespace
}  // namespace tegrascope::test
