#include "agent/app/recording_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <stdexcept>

#include "agent/recording/replay.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/agent/recording/recorded.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

// A run of one request into `file`.
void record_a_run(const std::filesystem::path& file, std::uint64_t max_bytes = 1u << 30) {
  DiskThread disk;
  RecordingFile recording(file, max_bytes, disk);
  RecordedBoard board(recording);
  board.request(1, 15, 0.97, 0.3);
  board.run_until(30, 5, 0, 0);
  board.end();
  recording.flush();
  disk.stop();
}

Replay replay_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return replay(in, file.string());
}

TEST(RecordingFile, HoldsTheRunAndGoesOnBehindIt) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  record_a_run(file);
  record_a_run(file);
  const Replay result = replay_of(file);
  EXPECT_TRUE(is_sound(result)) << result.problems.at(0);
  ASSERT_EQ(result.runs.size(), 2u);
  EXPECT_EQ(result.runs[1].same_ledger, true);
}

TEST(RecordingFile, ACutLineOfTheRunBeforeStaysAlone) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  record_a_run(file);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 5);
  record_a_run(file);
  const Replay result = replay_of(file);
  EXPECT_EQ(result.problem_count, 1u);
  ASSERT_EQ(result.runs.size(), 2u);
  EXPECT_FALSE(result.runs[0].end);
  EXPECT_EQ(result.runs[1].same_ledger, true);
}

TEST(RecordingFile, EndsAtItsBytesAndSaysSo) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  record_a_run(file, 20'000);
  EXPECT_LT(std::filesystem::file_size(file), 20'500u);
  const Replay result = replay_of(file);
  EXPECT_EQ(result.problem_count, 0u);
  ASSERT_TRUE(result.runs.at(0).end);
  EXPECT_EQ(result.runs[0].end->why, RecordingEnd::Why::full);
  EXPECT_EQ(result.runs[0].same_ledger, std::nullopt) << "it cannot know";
  EXPECT_EQ(result.runs[0].differing, 0u);
}

TEST(RecordingFile, AFullFileKeepsTheEndOfItsOwnRun) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  record_a_run(file);
  const auto size = std::filesystem::file_size(file);
  record_a_run(file, size);
  EXPECT_EQ(std::filesystem::file_size(file), size);
  const Replay result = replay_of(file);
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_EQ(result.runs[0].end->why, RecordingEnd::Why::stopped);
  EXPECT_EQ(result.runs[0].same_ledger, true);
}

// A file that may not grow beyond so many bytes, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { lift(); }
  void lift() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(RecordingFile, EndsAtAWholeLineWhereTheDiskIsFull) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  {
    DiskThread disk;
    RecordingFile recording(file, 1u << 30, disk);
    RecordedBoard board(recording);
    FileSizeLimit limit(20'000);
    board.request(1, 15, 0.97, 0.3);
    board.run_until(30, 5, 0, 0);
    recording.flush();
    const auto after_all = std::make_shared<std::promise<void>>();
    ASSERT_TRUE(disk.post(0, [after_all] { after_all->set_value(); }));
    after_all->get_future().wait();
    limit.lift();
    board.run_until(60, 5, 0, 0);
    board.end();
    recording.flush();
    disk.stop();
  }
  EXPECT_LE(std::filesystem::file_size(file), 20'000u);
  EXPECT_GT(std::filesystem::file_size(file), 15'000u);
  const Replay result = replay_of(file);
  EXPECT_EQ(result.problem_count, 0u) << result.problems.at(0);
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_FALSE(result.runs[0].end);
  EXPECT_EQ(result.runs[0].differing, 0u);
}

std::string refusal(const std::filesystem::path& file) {
  DiskThread disk;
  try {
    RecordingFile recording(file, 1u << 30, disk);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(RecordingFile, RefusesWhatAnotherAgentWrites) {
  test::TempTree tree;
  const auto file = tree.root() / "r.jsonl";
  record_a_run(file);
  {
    DiskThread disk;
    const RecordingFile first(file, 1u << 30, disk);
    EXPECT_THAT(refusal(file), HasSubstr("is written by another tegrascope: name another file"));
  }
  EXPECT_EQ(refusal(file), "");
}

TEST(RecordingFile, RefusesARecordingOfALaterVersion) {
  test::TempTree tree;
  const std::string begin = "{\"k\":\"head\",\"format\":\"tegrascope-recording\",\"version\":";
  for (const char* later : {"2,\"program\":\"9\"}\n", "99}", "10}\n"}) {
    tree.write("later.jsonl", begin + later);
    EXPECT_THAT(refusal(tree.root() / "later.jsonl"), HasSubstr("is of a later tegrascope: name a new file"))
        << later;
  }
  tree.write("odd.jsonl", begin + "\"x\"}\n");
  EXPECT_THAT(refusal(tree.root() / "odd.jsonl"), HasSubstr("no recording"));
}

TEST(RecordingFile, RefusesWhatIsNoRecording) {
  test::TempTree tree;
  tree.write("letter.txt", "Dear Jetson, this is long enough to be looked at as a recording would be.");
  EXPECT_THAT(refusal(tree.root() / "letter.txt"), HasSubstr("no recording"));
  EXPECT_THAT(refusal(tree.root() / "nowhere" / "r"), HasSubstr("No such file"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("no regular file"));
}

TEST(DiskThread, DropsWhatDoesNotFitAndDoesTheRest) {
  DiskThread disk;
  std::promise<void> go;
  std::atomic<int> done{0};
  ASSERT_TRUE(disk.post(1, [&, wait = go.get_future().share()] { wait.wait(); }));
  EXPECT_TRUE(disk.post(DiskThread::kMaxWaiting / 2, [&] { ++done; }));
  EXPECT_FALSE(disk.post(DiskThread::kMaxWaiting / 2, [&] { ++done; }));
  go.set_value();
  disk.stop();
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(disk.post(1, [&] { ++done; }));
}

TEST(DiskThread, LeavesADiskThatHangsBehindAtTheDeadline) {
  DiskThread disk;
  std::promise<void> go;
  std::promise<void> done;
  ASSERT_TRUE(disk.post(1, [&, wait = go.get_future().share()] {
    wait.wait();
    done.set_value();
  }));
  const auto before = std::chrono::steady_clock::now();
  disk.stop(before);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(3));
  go.set_value();
  done.get_future().wait();
}

}  // namespace
}  // namespace tegrascope
