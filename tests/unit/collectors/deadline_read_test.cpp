#include "collectors/deadline_read.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class DeadlineRead : public testing::Test {
 protected:
  ~DeadlineRead() override {
    EXPECT_TRUE(test::eventually([] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0 && LeftBehindThread::count() == 0;
    }));
  }
  std::optional<std::string> read(std::vector<std::string> names) {
    return read_under_deadline<std::string>(
        [root = tree_.root(), names = std::move(names)] {
          std::string all;
          for (const std::string& name : names) all += read_once(root / name);
          return all;
        },
        errors_, 100ms);
  }

  test::TempTree tree_;
  std::vector<ReadError> errors_;
};

TEST_F(DeadlineRead, ReturnsTheValue) {
  tree_.write("a", "1");
  EXPECT_EQ(read({"a", "absent"}), "1");
  EXPECT_TRUE(errors_.empty());
}

TEST_F(DeadlineRead, AfterAHangTheNextOnesAreGivenLessTime) {
  std::vector<std::string> names{"a", "b", "c", "d", "e", "f"};
  for (const std::string& name : names) tree_.write(name, "(BLOCK)");
  const MonotonicTime before = monotonic_now();
  const auto read = read_under_deadline<int>(
      [root = tree_.root(), names] {
        for (const std::string& name : names) read_once(root / name);
        return 7;
      },
      errors_, 500ms, 50ms);
  EXPECT_EQ(read, 7);
  EXPECT_GE(monotonic_now() - before, 500ms);
  EXPECT_LT(monotonic_now() - before, 2s) << "six times the first deadline are three";
}

TEST_F(DeadlineRead, FilesThatHangAreLeftOut) {
  tree_.write("a", "1");
  tree_.write("b", "(BLOCK)");
  tree_.write("c", "3");
  tree_.write("d", "(BLOCK)");
  EXPECT_EQ(read({"a", "b", "c", "d"}), "13");
  ASSERT_GE(errors_.size(), 2u);
  EXPECT_THAT(errors_[0].where, HasSubstr(tree_.path("b").string() + ": reading it hangs"));
  EXPECT_THAT(errors_[1].where, HasSubstr(tree_.path("d").string()));
  EXPECT_EQ(test::blocked_reads(), 2u);
}

TEST_F(DeadlineRead, NothingWhenTooManyHang) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back(std::to_string(i));
    tree_.write(names.back(), "(BLOCK)");
  }
  EXPECT_FALSE(read(names));
  EXPECT_EQ(errors_.size(), 9u);
  EXPECT_EQ(test::blocked_reads(), 8u);
  EXPECT_EQ(LeftBehindThread::count(), LeftBehindThread::kMost);

  tree_.write("good", "1");
  EXPECT_FALSE(read({"good"})) << "no thread is risked";
  EXPECT_EQ(errors_.size(), 10u);
  ASSERT_TRUE(test::eventually([] {
    test::release_blocked_reads();
    return LeftBehindThread::count() == 0;
  }));
  EXPECT_EQ(read({"good"}), "1");
}

TEST_F(DeadlineRead, ALaterCallLeavesOutWhatHangs) {
  tree_.write("a", "1");
  tree_.write("b", "(BLOCK)");
  EXPECT_EQ(read({"a", "b"}), "1");
  EXPECT_EQ(read({"b", "a"}), "1");
  EXPECT_EQ(test::blocked_reads(), 1u);
  EXPECT_EQ(LeftBehindThread::count(), 1u);
  EXPECT_THAT(errors_.back().where, HasSubstr("reading it hangs"));
}

TEST_F(DeadlineRead, NothingWhenItHangsOutsideOfAFile) {
  std::promise<void> wait;
  const auto waited = wait.get_future().share();
  EXPECT_FALSE(read_under_deadline<int>(
      [waited] {
        waited.wait();
        return 1;
      },
      errors_, 20ms));
  EXPECT_EQ(errors_.size(), 1u);
  EXPECT_EQ(LeftBehindThread::count(), 1u);
  wait.set_value();
}

TEST_F(DeadlineRead, ExceptionsPass) {
  EXPECT_THROW(
      (void)read_under_deadline<int>([]() -> int { throw std::invalid_argument("no"); }, errors_, 1s),
      std::invalid_argument);
}

TEST_F(DeadlineRead, WhyAFileGaveNothingIsTold) {
  tree_.write("a", "(EIO)");
  EXPECT_EQ(read({"a"}), "");
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_EQ(errors_[0].reason, ErrorReason::missing);
}

}  // namespace
}  // namespace tegrascope
