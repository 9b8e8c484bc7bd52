// When a log tells that there may be something new (LogSource::changes_fd), and what wakes whoever waits for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "collectors/ollama/log/log_tail.hpp"
#include "collectors/ollama/log/wakeable_wait.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogChanges : public ::testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(tree_.path("o.log"), std::ios::app) << text; }
  void poll() {
    do tail_.poll([](std::string_view) {});
    while (tail_.more());
    tail_.poll([](std::string_view) {});  // what closing the old file told
  }
  void SetUp() override {
    poll();
    if (tail_.changes_fd() < 0) GTEST_SKIP() << "no inotify for " << tree_.root();
  }
  bool told() { return !wait_.wait({tail_.changes_fd()}, MonotonicTime{}).empty(); }

  TempTree tree_;
  LogTail tail_{tree_.path("o.log")};
  WakeableWait wait_;
};

TEST_F(LogChanges, NothingIsToldOfAFileThatStaysAsItIs) {
  append("one\n");
  poll();
  EXPECT_FALSE(told());
  std::ifstream(tree_.path("o.log")).get();
  tree_.write("o.log.1", "an old one");
  poll();
  append("two\n");
  poll();
  EXPECT_FALSE(told());
}

TEST_F(LogChanges, Lines) {
  append("one\n");
  EXPECT_TRUE(told()) << "the file appears";
  poll();
  append("two\n");
  EXPECT_TRUE(told());
  EXPECT_TRUE(told()) << "until it is polled";
  poll();
  EXPECT_FALSE(told());
}

TEST_F(LogChanges, ATruncation) {
  append("one\n");
  poll();
  std::filesystem::resize_file(tree_.path("o.log"), 0);
  EXPECT_TRUE(told());
}

TEST_F(LogChanges, AnotherFileOfThatName) {
  append("one\n");
  poll();
  tree_.replace("o.log", "two\n");
  EXPECT_TRUE(told());
  poll();
  EXPECT_FALSE(told());
  append("three\n");
  EXPECT_TRUE(told());
}

TEST_F(LogChanges, WhatIsWrittenToTheOpenFileAfterItsNameIsGone) {
  append("one\n");
  std::ofstream writer(tree_.path("o.log"), std::ios::app);
  poll();
  tree_.remove("o.log");
  poll();
  ASSERT_GE(tail_.changes_fd(), 0);
  EXPECT_FALSE(told());
  writer << "two\n" << std::flush;
  EXPECT_TRUE(told());
}

TEST_F(LogChanges, AFolderThatIsNotThereCannotTell) {
  LogTail tail(tree_.path("absent/o.log"));
  tail.poll([](std::string_view) {});
  EXPECT_EQ(tail.changes_fd(), -1);
}

TEST_F(LogChanges, ALinkCannotTell) {
  std::filesystem::create_symlink("o.log", tree_.path("link.log"));
  append("one\n");
  LogTail tail(tree_.path("link.log"));
  tail.poll([](std::string_view) {});
  EXPECT_EQ(tail.changes_fd(), -1);
}

TEST(LogChangesOfTheKernel, FilesOfProcCannotTell) {
  LogTail tail("/proc/self/status");
  tail.poll([](std::string_view) {});
  EXPECT_EQ(tail.changes_fd(), -1);
}

TEST(WakeableWaitTest, ReturnsWhenWokenAlsoBefore) {
  WakeableWait wait;
  wait.wake();
  wait.wake();
  EXPECT_THAT(wait.wait({}, std::nullopt), IsEmpty());
  EXPECT_THAT(wait.wait({}, monotonic_now() + 1ms), IsEmpty());
}

TEST(WakeableWaitTest, TellsWhichAreReadable) {
  std::array<int, 2> quiet{};
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(quiet.data()), 0);
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::write(ready[1], "x", 1), 1);
  WakeableWait wait;
  EXPECT_THAT(wait.wait({quiet[0], ready[0]}, std::nullopt), ElementsAre(1));
  for (const int fd : {quiet[0], quiet[1], ready[0], ready[1]}) ::close(fd);
}

}  // namespace
}  // namespace tegrascope::test
