#include "exporters/history/state_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <limits>
#include <random>

#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using test::TempTree;
using testing::HasSubstr;

constexpr std::int64_t kNow = 1'763'887'800;  // 20251123T085000Z
constexpr const char* kServer = "127.0.0.1:11434";

// Sound books whose every figure depends on `n`.
SavedState state(std::int64_t n) {
  SavedState s;
  s.first_start_unix_s = kNow - 1000;
  s.saved_unix_s = kNow + n;
  s.books.energy_known = s.books.gpu_known = true;
  s.books.pending = {3 * n, n};
  s.books.interrupted = {5 * n, 0};
  s.books.unattributed[Unattributed::idle] = {700 * n, 0};
  s.books.unattributed[Unattributed::bypass] = {0, 2 * n};
  s.books.attributed[{kServer, "qwen2.5:7b"}][Phase::decode] = {100 * n, 40 * n, 90 * n, 7 * n};
  s.books.attributed[{kServer, "other"}][Phase::unknown] = {11, 0, 0, 0};
  s.books.measured = {808 * n + 11, 93 * n};
  s.learned.baselines = {{2, false, true, 5, 4.53125 + static_cast<double>(n), 60'000'000'000},
                         {std::nullopt, std::nullopt, std::nullopt, std::nullopt, 4.1, 0}};
  s.learned.idle_cores = 0.1;
  s.learned.power_mode = 2;
  s.learned.clocks_locked = true;
  s.learned.series = {
      {"token_rate", kServer, "qwen2.5:7b", Phase::decode, {9.31, 1.0 / 3, static_cast<double>(n)}},
      {"unit_cost", kServer, "qwen2.5:7b", Phase::prefill, {}}};
  s.board.module = "NVIDIA Jetson Orin Nano 8GB";
  s.board.l4t = "36.4.4";
  return s;
}

void expect_same(const SavedState& a, const SavedState& b) {
  EXPECT_EQ(a.books, b.books);
  EXPECT_EQ(a.first_start_unix_s, b.first_start_unix_s);
  EXPECT_EQ(a.saved_unix_s, b.saved_unix_s);
  EXPECT_EQ(a.learned, b.learned);
  EXPECT_EQ(a.board.module, b.board.module);
  EXPECT_EQ(a.board.l4t, b.board.l4t);
}

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(StateFile, BeginsEmptyInADirectoryOfItsOwn) {
  TempTree tree;
  StateFile file(tree.path("a/b"), kNow);
  EXPECT_FALSE(file.loaded());
  EXPECT_EQ(file.message(), "");
  EXPECT_EQ(std::filesystem::status(tree.path("a/b")).permissions(), std::filesystem::perms::owner_all);
}

TEST(StateFile, IsTheOwnersAlone) {
  TempTree tree;
  const mode_t before = ::umask(022);
  StateFile file(tree.root(), kNow);
  file.save(state(1));
  ::umask(before);
  for (const std::string& name : names_in(tree.root()))
    EXPECT_EQ(std::filesystem::status(tree.path(name)).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << name;
}

TEST(StateFile, ReadsWhatWasSavedLast) {
  TempTree tree;
  for (std::int64_t n = 1; n <= 3; ++n) {
    StateFile file(tree.root(), kNow);
    if (n > 1) {
      ASSERT_TRUE(file.loaded());
      expect_same(*file.loaded(), state(n == 2 ? 1001 : 1002));
    }
    file.save(state(n));
    file.save(state(1000 + n));
  }
}

TEST(StateFile, ForgetsWhatIsNoLongerLearned) {
  TempTree tree;
  SavedState less = state(1);
  less.learned.series.pop_back();
  less.learned.baselines.erase(less.learned.baselines.begin());
  {
    StateFile file(tree.root(), kNow);
    file.save(state(1));
    file.save(less);
  }
  expect_same(StateFile(tree.root(), kNow).loaded().value(), less);
}

TEST(StateFile, KeepsTheWholeRangeOfAnInteger) {
  TempTree tree;
  SavedState big;
  big.saved_unix_s = kNow;
  big.books.measured.energy_nj = std::numeric_limits<std::int64_t>::max() / 2 - 1;
  big.books.unattributed[Unattributed::idle].energy_nj = big.books.measured.energy_nj;
  StateFile(tree.root(), kNow).save(big);
  EXPECT_EQ(StateFile(tree.root(), kNow).loaded()->books, big.books);
}

TEST(StateFile, TwoAgentsDoNotShareIt) {
  TempTree tree;
  const StateFile first(tree.root(), kNow);
  try {
    StateFile second(tree.root(), kNow);
    FAIL();
  } catch (const StorageError& e) {
    EXPECT_THAT(e.what(), HasSubstr("in use by another tegrascope"));
    EXPECT_THAT(e.what(), HasSubstr("--storage.path"));
  }
}

// Each spoils the file its own way; `expected` is in the message.
struct Spoiled {
  const char* name;
  void (*spoil)(const std::filesystem::path& file);
  const char* expected;
};

void overwrite(const std::filesystem::path& file, std::streamoff at, const std::string& bytes) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(at);
  out << bytes;
}
void sql(const std::filesystem::path& file, const char* text) { Database(file).run(text); }

class Spoil : public testing::TestWithParam<Spoiled> {};

TEST_P(Spoil, IsMovedAsideAndANewOneBegins) {
  TempTree tree;
  { StateFile(tree.root(), kNow).save(state(1)); }
  const auto path = tree.path(StateFile::kName);
  GetParam().spoil(path);
  const std::string spoiled = [&] {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  std::string moved;
  {
    StateFile file(tree.root(), kNow);
    EXPECT_FALSE(file.loaded());
    EXPECT_THAT(file.message(), HasSubstr(GetParam().expected));
    EXPECT_THAT(file.message(), HasSubstr("state.sqlite."));
    file.save(state(2));
    for (const std::string& name : names_in(tree.root())) {
      if (name.find("-20251123T085000Z") != std::string::npos && name.find("-wal") == std::string::npos &&
          name.find("-shm") == std::string::npos)
        moved = name;
    }
  }
  ASSERT_NE(moved, "") << "nothing is lost";
  std::ifstream in(tree.path(moved), std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), spoiled);
  expect_same(StateFile(tree.root(), kNow).loaded().value(), state(2));
}

INSTANTIATE_TEST_SUITE_P(
    All, Spoil,
    testing::Values(
        Spoiled{"garbage", [](const auto& f) { std::ofstream(f) << std::string(5000, 'x'); }, "damaged"},
        Spoiled{"overwritten_pages", [](const auto& f) { overwrite(f, 4096, std::string(8192, '\x7f')); },
                "damaged"},
        Spoiled{"cut", [](const auto& f) { std::filesystem::resize_file(f, 6000); }, "damaged"},
        Spoiled{"newer", [](const auto& f) { sql(f, "PRAGMA user_version=2"); }, "later version"},
        Spoiled{"foreign", [](const auto& f) { sql(f, "PRAGMA application_id=7"); }, "another program"},
        Spoiled{"unbalanced",
                [](const auto& f) { sql(f, "UPDATE ledger SET measured_nj = measured_nj + 1"); },
                "do not add up"},
        Spoiled{"lost_row", [](const auto& f) { sql(f, "DELETE FROM account WHERE model = 'other'"); },
                "do not add up"},
        Spoiled{"wrong_type", [](const auto& f) { sql(f, "UPDATE account SET cpu_ns = 'x'"); },
                "another type"},
        Spoiled{"unknown_word", [](const auto& f) { sql(f, "UPDATE account SET phase = 'x'"); },
                "none of ours"},
        Spoiled{"no_table", [](const auto& f) { sql(f, "DROP TABLE series"); }, "cannot be used"},
        Spoiled{"full",
                [](const auto& f) {
                  sql(f,
                      "UPDATE ledger SET measured_nj = measured_nj + 5000000000000000000;"
                      "UPDATE unattributed SET energy_nj = energy_nj + 5000000000000000000 WHERE reason = "
                      "'idle'");
                },
                "half full"}),
    [](const auto& spoiled) { return std::string(spoiled.param.name); });

TEST(StateFile, AnEmptyFileIsABeginning) {
  TempTree tree;
  tree.write(StateFile::kName, "");
  StateFile file(tree.root(), kNow);
  EXPECT_EQ(file.message(), "");
  EXPECT_FALSE(file.loaded());
}

TEST(StateFile, SaysWhatToDoAboutADirectoryThatIsNone) {
  TempTree tree;
  tree.write("file", "x");
  try {
    StateFile file(tree.path("file/inside"), kNow);
    FAIL();
  } catch (const StorageError& e) {
    EXPECT_THAT(e.what(), HasSubstr("file/inside"));
    EXPECT_THAT(e.what(), HasSubstr("--storage.path"));
  }
}

// Killed at any moment, the file holds a whole save, and none older than the last that was done.
TEST(StateFile, SurvivesBeingKilled) {
  TempTree tree;
  std::mt19937 random(7);
  std::int64_t next = 1;
  for (int round = 0; round < 25; ++round) {
    int done[2];
    ASSERT_EQ(::pipe(done), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      StateFile file(tree.root(), kNow);
      for (std::int64_t n = next;; ++n) {
        file.save(state(n));
        if (::write(done[1], &n, sizeof n) != sizeof n) ::_exit(1);
      }
    }
    ::close(done[1]);
    std::int64_t last = 0;
    ASSERT_EQ(::read(done[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    ::usleep(static_cast<useconds_t>(std::uniform_int_distribution<int>(0, 20000)(random)));
    ::kill(child, SIGKILL);
    while (::read(done[0], &next, sizeof next) == sizeof next) last = next;
    ::close(done[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));

    const StateFile file(tree.root(), kNow);
    ASSERT_EQ(file.message(), "");
    ASSERT_TRUE(file.loaded());
    const std::int64_t n = file.loaded()->saved_unix_s - kNow;
    EXPECT_GE(n, last);
    EXPECT_LE(n, last + 1);
    expect_same(*file.loaded(), state(n));
    next = n + 1;
  }
}

}  // namespace
}  // namespace tegrascope
