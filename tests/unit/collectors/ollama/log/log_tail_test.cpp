#include "collectors/ollama/log/log_tail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/no_root_rights.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogTailTest : public ::testing::Test {
 protected:
  // Everything that is new.
  std::vector<std::string> polled(LogTail& tail) {
    std::vector<std::string> lines;
    do {
      error_ = tail.poll([&](std::string_view line) { lines.emplace_back(line); });
    } while (tail.more());
    return lines;
  }
  void append(const std::string& text) { std::ofstream(tree_.path("ollama.log"), std::ios::app) << text; }

  TempTree tree_;
  LogTail tail_{tree_.path("ollama.log")};
  std::optional<ReadError> error_;
};

TEST_F(LogTailTest, LinesAsTheyAreCompleted) {
  tree_.write("ollama.log", "one\ntwo");
  EXPECT_THAT(polled(tail_), ElementsAre("one"));
  EXPECT_THAT(polled(tail_), IsEmpty());
  append(" and a half\nthree\n");
  EXPECT_THAT(polled(tail_), ElementsAre("two and a half", "three"));
  EXPECT_FALSE(error_);
}

TEST_F(LogTailTest, AFileThatAppearsLaterIsReadFromItsBeginning) {
  LogTail tail(tree_.path("ollama.log"), 0);
  EXPECT_THAT(polled(tail), IsEmpty());
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->reason, ErrorReason::missing);
  EXPECT_NE(error_->where.find("ollama.log"), std::string::npos);
  tree_.write("ollama.log", "one\n");
  EXPECT_THAT(polled(tail), ElementsAre("one"));
  EXPECT_FALSE(error_);
}

TEST_F(LogTailTest, OfAnOldFileOnlyTheLastWholeLines) {
  tree_.write("ollama.log", "old and long line\nlast\n");
  LogTail tail(tree_.path("ollama.log"), 8);
  EXPECT_THAT(polled(tail), ElementsAre("last"));
}

TEST_F(LogTailTest, RotationLosesNothing) {
  tree_.write("ollama.log", "one\n");
  EXPECT_THAT(polled(tail_), ElementsAre("one"));
  append("two\nthree without end");
  tree_.replace("ollama.log", "four\n");
  EXPECT_THAT(polled(tail_), ElementsAre("two", "three without end", "four"));
}

TEST_F(LogTailTest, ARemovedFileIsReadOnUntilANewOneIsThere) {
  tree_.write("ollama.log", "one\n");
  polled(tail_);
  tree_.remove("ollama.log");
  EXPECT_THAT(polled(tail_), IsEmpty());
  EXPECT_FALSE(error_);
  tree_.write("ollama.log", "two\n");
  EXPECT_THAT(polled(tail_), ElementsAre("two"));
}

TEST_F(LogTailTest, ATruncatedFileIsReadFromItsBeginning) {
  tree_.write("ollama.log", "one\nhalf a li");
  polled(tail_);
  tree_.write("ollama.log", "new\n");
  EXPECT_THAT(polled(tail_), ElementsAre("new"));
}

TEST_F(LogTailTest, AFifoIsRefusedWithoutHanging) {
  tree_.make_fifo("ollama.log");
  EXPECT_THAT(polled(tail_), IsEmpty());
  EXPECT_TRUE(error_);
}

TEST_F(LogTailTest, PermissionIsToldAndTriedAgain) {
  tree_.write("ollama.log", "one\n");
  ::chmod(tree_.path("ollama.log").c_str(), 0);
  {
    const test::NoRootRights no_rights;
    EXPECT_THAT(polled(tail_), IsEmpty());
  }
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->reason, ErrorReason::permission);
  ::chmod(tree_.path("ollama.log").c_str(), 0600);
  EXPECT_THAT(polled(tail_), ElementsAre("one"));
}

TEST_F(LogTailTest, OnePollIsBoundedAndAFloodIsSkipped) {
  tree_.write("ollama.log", "one\n");
  polled(tail_);
  const std::string line = std::string(1023, 'x') + '\n';
  std::string flood;
  for (std::uint64_t i = 0; i < LogTail::kMaxBytesPerPoll / 1024 + 5; ++i) flood += line;
  append(flood);
  std::size_t bytes = 0;
  EXPECT_FALSE(tail_.poll([&](std::string_view text) { bytes += text.size(); }));
  EXPECT_TRUE(tail_.more());
  EXPECT_LE(bytes, LogTail::kMaxBytesPerPoll);
  EXPECT_EQ(tail_.skipped_bytes(), 0u);

  polled(tail_);
  for (std::uint64_t size = 0; size <= LogTail::kMaxBytesBehind; size += flood.size()) append(flood);
  append("last\n");
  EXPECT_EQ(polled(tail_).back(), "last");
  EXPECT_GT(tail_.skipped_bytes(), LogTail::kMaxBytesBehind / 2);
}

}  // namespace
}  // namespace tegrascope::test
