#include "collectors/ollama/event_loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collectors/ollama/socket.hpp"
#include "collectors/ollama/tcp.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

class EventLoopTest : public testing::Test {
 protected:
  // A connected pair: the first end watched by the loop, the second blocking.
  struct Pair {
    explicit Pair(EventLoop& loop) : watched(loop) {
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::runtime_error("socketpair");
      ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
      watched.open(ends[0]);
      other = ends[1];
    }
    ~Pair() { close_other(); }
    void close_other() {
      if (other >= 0) ::close(std::exchange(other, -1));
    }
    void say(std::string_view text) const {
      EXPECT_EQ(::write(other, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }

    Socket watched;
    int other = -1;
  };

  void spawn(Task task) {
    loop_.spawn(std::move(task), [this](std::exception_ptr failure) {
      ++ended_;
      failure_ = failure;
    });
  }
  std::string failure() const {
    try {
      if (failure_) std::rethrow_exception(failure_);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }
  Task read_to_end(Socket& socket, std::string& text) {
    while (true) {
      co_await socket.readable();
      if (!socket.is_open()) co_return;
      char bytes[4];
      error_code ec;
      text.append(bytes, socket.receive(bytes, ec));
      if (ec && !would_block(ec)) co_return;
    }
  }
  Task fill(Socket& socket, std::size_t bytes) {
    const std::string text(bytes, 'x');
    for (std::string_view rest = text; !rest.empty();) {
      co_await socket.writable();
      error_code ec;
      rest.remove_prefix(socket.send(rest, ec));
      if (ec) throw std::runtime_error("send");
    }
  }
  Task sleep(Wakeup& wakeup) { co_await wakeup; }
  Task fail() {
    throw std::runtime_error("inner");
    co_return;
  }
  Task await_fail() { co_await fail(); }

  EventLoop loop_;
  int ended_ = 0;
  std::exception_ptr failure_;
};

TEST_F(EventLoopTest, EndsWhenThereIsNothingToDoAndMayRunAgain) {
  loop_.run();
  int calls = 0;
  loop_.post([&] {
    ++calls;
    loop_.post([&] { ++calls; });
  });
  loop_.run();
  EXPECT_EQ(calls, 2);
}

TEST_F(EventLoopTest, APostFromAnotherThreadWakesIt) {
  Wakeup wakeup(loop_);
  spawn(sleep(wakeup));
  std::thread other([&] { loop_.post([&] { wakeup.wake(); }); });
  loop_.run();
  other.join();
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventLoopTest, BytesAndTheEndArriveInOrder) {
  Pair pair(loop_);
  std::string text;
  spawn(read_to_end(pair.watched, text));
  pair.say("hello, ");
  loop_.post([&] {
    pair.say("world");
    pair.close_other();
  });
  loop_.run();
  EXPECT_EQ(text, "hello, world");
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventLoopTest, TheEndBehindBytesThatFitIsToldToo) {
  Pair pair(loop_);
  std::string text;
  spawn(read_to_end(pair.watched, text));
  loop_.post([&] {
    pair.say("abc");  // less than one receive() takes
    pair.close_other();
  });
  loop_.run();
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventLoopTest, WhoAlwaysHasMoreStopsNobody) {
  Pair busy(loop_);
  Pair other(loop_);
  std::string much;
  std::string when_told;
  spawn(read_to_end(busy.watched, much));
  spawn([](Socket& socket, const std::string& read_meanwhile, std::string& seen) -> Task {
    co_await socket.readable();
    seen = read_meanwhile;
  }(other.watched, much, when_told));
  busy.say(std::string(4000, 'x'));
  other.say("y");
  busy.close_other();
  loop_.run();
  EXPECT_EQ(much.size(), 4000U);
  EXPECT_LT(when_told.size(), 100U);
  EXPECT_EQ(ended_, 2);
}

// recv(2) stops short at urgent data, and what lies behind is not told of again.
TEST_F(EventLoopTest, BytesBehindUrgentDataAreRead) {
  const int listener = open_listener(resolve_address("127.0.0.1:0").front());
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int sender = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(sender, reinterpret_cast<sockaddr*>(&address), size), 0);
  Socket watched(loop_, ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  ASSERT_TRUE(watched.is_open());
  std::string text;
  spawn([](Socket& socket, std::string& all) -> Task {
    char bytes[64];
    error_code ec;
    while (all.size() < 6 && !(ec && !would_block(ec))) {
      co_await socket.readable();
      all.append(bytes, socket.receive(bytes, ec));
    }
  }(watched, text));
  ASSERT_EQ(::send(sender, "abc", 3, 0), 3);
  ASSERT_EQ(::send(sender, "!", 1, MSG_OOB), 1);
  ASSERT_EQ(::send(sender, "def", 3, 0), 3);
  loop_.run();
  EXPECT_EQ(text, "abcdef");
  ::close(sender);
  ::close(listener);
}

TEST_F(EventLoopTest, ReaderAndWriterWaitOnOneSocket) {
  Pair pair(loop_);
  std::string text;
  spawn(read_to_end(pair.watched, text));
  spawn(fill(pair.watched, 4 << 20));
  std::thread other([&] {
    pair.say("while it is full");
    std::vector<char> buffer(1 << 20);
    for (std::size_t all = 0; all < 4 << 20;) {
      const ssize_t count = ::read(pair.other, buffer.data(), buffer.size());
      if (count <= 0) break;
      all += static_cast<std::size_t>(count);
    }
    pair.close_other();
  });
  loop_.run();
  other.join();
  EXPECT_EQ(text, "while it is full");
  EXPECT_EQ(ended_, 2);
  EXPECT_EQ(failure(), "");
}

TEST_F(EventLoopTest, BytesThatNobodyWaitsForStayForLater) {
  Pair noisy(loop_);
  Pair done(loop_);
  std::string text;
  spawn([](Pair& from, Pair& until, std::string& all) -> Task {
    co_await from.watched.readable();
    char bytes[8];
    error_code ec;
    all.append(bytes, from.watched.receive(std::span(bytes, 1), ec));
    co_await until.watched.readable();  // `from` is readable all the while
    co_await from.watched.readable();
    all.append(bytes, from.watched.receive(bytes, ec));
  }(noisy, done, text));
  noisy.say("abc");
  Timer later(loop_);
  later.start(5ms, [&] { done.say("x"); });
  loop_.run();
  EXPECT_EQ(text, "abc");
}

TEST_F(EventLoopTest, ClosingResumesWhoWaits) {
  Pair pair(loop_);
  std::string text;
  spawn(read_to_end(pair.watched, text));
  loop_.post([&] { pair.watched.close(); });
  loop_.run();
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventLoopTest, ASocketEndedByAnotherOfTheSameMomentIsNotTold) {
  auto first = std::make_unique<Pair>(loop_);
  auto second = std::make_unique<Pair>(loop_);
  int read = 0;
  const auto read_and_end = [&](std::unique_ptr<Pair>& own, std::unique_ptr<Pair>& other) -> Task {
    co_await own->watched.readable();
    if (!own->watched.is_open()) co_return;
    ++read;
    other->watched.close();
  };
  spawn(read_and_end(first, second));
  spawn(read_and_end(second, first));
  first->say("x");
  second->say("x");
  loop_.run();
  EXPECT_EQ(read, 1);
  EXPECT_EQ(ended_, 2);
}

TEST_F(EventLoopTest, AClosedSocketIsNotToldOfThoughAnotherHoldsIt) {
  Pair first(loop_);
  Pair second(loop_);
  std::string text;
  int told = 0;
  const int held = ::dup(first.watched.descriptor());
  spawn([](Socket& socket, int& times, std::string& all) -> Task {
    co_await socket.readable();  // until it is closed
    socket.open(::dup(std::exchange(times, 0)));
    char bytes[8];
    error_code ec;
    while (all.empty()) {
      co_await socket.readable();
      ++times;
      all.append(bytes, socket.receive(bytes, ec));
    }
  }(first.watched, told, text));
  Timer later(loop_);
  loop_.post([&] {
    told = second.watched.descriptor();
    first.watched.close();
    first.say("x");  // to the one that is held
    later.start(2ms, [&] { second.say("abc"); });
  });
  loop_.run();
  ::close(held);
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(told, 1);
}

TEST_F(EventLoopTest, TimersGoOffInOrderUnlessCancelled) {
  std::string order;
  Wakeup wakeup(loop_);
  spawn(sleep(wakeup));
  Timer late(loop_);
  Timer soon(loop_);
  Timer never(loop_);
  Timer again(loop_);
  late.start(2ms, [&] {
    order += "late ";
    again.start(1ms, [&] {
      order += "again ";
      wakeup.wake();
    });
  });
  soon.start(1ms, [&] { order += "soon "; });
  never.start(0ms, [&] { order += "never "; });
  again.start(0ms, [&] { order += "never "; });
  again.start(1h, [&] { order += "never "; });
  never.cancel();
  loop_.run();
  EXPECT_EQ(order, "soon late again ");
}

TEST_F(EventLoopTest, WhatATimerThrowsComesOutAndNothingIsLost) {
  Wakeup wakeup(loop_);
  spawn(sleep(wakeup));
  Timer bad(loop_);
  bad.start(0ms, [] { throw std::runtime_error("timer"); });
  EXPECT_THROW(loop_.run(), std::runtime_error);
  loop_.post([&] { wakeup.wake(); });
  loop_.run();
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventLoopTest, WhatATaskThrowsPassesToWhoAwaitsIt) {
  spawn(await_fail());
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(failure(), "inner");
}

TEST_F(EventLoopTest, ADescriptorThatCannotBeWatchedFailsItsTask) {
  const int plain = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);  // epoll takes no regular file
  ASSERT_GE(plain, 0);
  Socket file(loop_, plain);
  std::string text;
  spawn(read_to_end(file, text));
  loop_.run();
  EXPECT_EQ(ended_, 1);
  EXPECT_NE(failure().find("cannot wait"), std::string::npos) << failure();
}

}  // namespace
}  // namespace tegrascope
