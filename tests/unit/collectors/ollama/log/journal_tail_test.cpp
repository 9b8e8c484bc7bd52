// Real journal files, made by systemd-journal-remote of Debian's package of that name; skips without it.
#include "collectors/ollama/log/journal_tail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "collectors/ollama/log/log_follower.hpp"
#include "collectors/ollama/log/wakeable_wait.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kMachine = "0123456789abcdef0123456789abcdef";
constexpr const char* kOtherMachine = "fedcba9876543210fedcba9876543210";

class Journal : public ::testing::Test {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "no systemd-journal-remote (Debian package of that name)";
    tree_.write("etc/machine-id", std::string(kMachine) + "\n");
    std::filesystem::create_directories(tree_.path("var/log/journal") / kMachine);
  }

  static std::string program() {
    for (const char* path : {"/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote",
                             TEGRASCOPE_SOURCE_DIR "/build/tools/lib/systemd/systemd-journal-remote",
                             TEGRASCOPE_SOURCE_DIR "/build/tools/usr/lib/systemd/systemd-journal-remote"}) {
      if (std::filesystem::exists(path)) return path;
    }
    return "";
  }

  void entry(const std::string& message, const std::string& unit = "ollama.service",
             const std::string& machine = kMachine) {
    const std::string time = std::to_string(1'790'000'000'000'000 + 1000 * ++entries_);
    export_ += "__REALTIME_TIMESTAMP=" + time + "\n__MONOTONIC_TIMESTAMP=" + std::to_string(1000 * entries_) +
               "\n_BOOT_ID=00112233445566778899aabbccddeeff\n_MACHINE_ID=" + machine +
               "\n_SYSTEMD_UNIT=" + unit + "\nMESSAGE=" + message + "\n\n";
  }
  // Puts the entries into a journal file, appending to one that is there.
  void commit(const std::string& file = "system.journal") {
    tree_.write("export", export_);
    export_.clear();
    const std::string libraries = TEGRASCOPE_SOURCE_DIR "/build/tools/usr/lib/" TEGRASCOPE_LIBRARY_FOLDER;
    const std::string command = "LD_LIBRARY_PATH=" + libraries + " " + program() + " -o " +
                                (tree_.path("var/log/journal") / kMachine / file).string() + " " +
                                tree_.path("export").string() + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  std::vector<std::string> polled(JournalTail& tail) {
    std::vector<std::string> lines;
    const auto error = tail.poll([&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_FALSE(error) << error->where;
    return lines;
  }

  TempTree tree_;
  std::string export_;
  int entries_ = 0;
};

TEST_F(Journal, LinesOfTheUnitInOrderAndNewOnesAsTheyCome) {
  entry("time=x level=INFO msg=\"Listening\"");
  entry("someone else", "ssh.service");
  entry("of another machine", "ollama.service", kOtherMachine);
  entry("second");
  commit();
  JournalTail tail(tree_.root(), "ollama.service");
  EXPECT_THAT(polled(tail), ElementsAre("time=x level=INFO msg=\"Listening\"", "second"));
  EXPECT_FALSE(tail.more());
  EXPECT_THAT(polled(tail), IsEmpty());
  entry("third");
  entry("fourth");
  commit();
  EXPECT_THAT(polled(tail), ElementsAre("third", "fourth"));
  EXPECT_THAT(polled(tail), IsEmpty());
}

TEST_F(Journal, AFileThatIsRotatedInIsRead) {
  entry("first");
  commit();
  JournalTail tail(tree_.root(), "ollama.service");
  EXPECT_THAT(polled(tail), ElementsAre("first"));
  std::filesystem::rename(tree_.path("var/log/journal") / kMachine / "system.journal",
                          tree_.path("var/log/journal") / kMachine / "system@0001.journal");
  entry("second");
  commit();
  EXPECT_THAT(polled(tail), ElementsAre("second"));
}

TEST_F(Journal, WithoutAnEntryOfTheUnitThePermissionIsNamed) {
  entry("someone else", "ssh.service");
  commit();
  JournalTail tail(tree_.root(), "ollama.service");
  const auto error = tail.poll([](std::string_view) { FAIL(); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, ErrorReason::permission);
  EXPECT_THAT(error->where, HasSubstr("ollama.service"));
  EXPECT_THAT(error->where, HasSubstr("systemd-journal"));

  // Later there is one: it is found, though not at once.
  entry("first");
  commit();
  std::vector<std::string> lines;
  for (int i = 0; i <= JournalTail::kPollsBetweenTries && lines.empty(); ++i)
    tail.poll([&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_THAT(lines, ElementsAre("first"));
}

TEST_F(Journal, AMessageOfSeveralLinesIsSeveralLines) {
  tree_.write("export", "");
  std::string text = "one\ntwo";
  std::string size(8, '\0');
  size[0] = static_cast<char>(text.size());
  entry("zero");
  export_.insert(export_.size() - 1, "X=y\n");
  export_ +=
      "__REALTIME_TIMESTAMP=1790000000900000\n__MONOTONIC_TIMESTAMP=900000\n_BOOT_ID="
      "00112233445566778899aabbccddeeff\n_MACHINE_ID=" +
      std::string(kMachine) + "\n_SYSTEMD_UNIT=ollama.service\nMESSAGE\n" + size + text + "\n\n";
  commit();
  JournalTail tail(tree_.root(), "ollama.service");
  EXPECT_THAT(polled(tail), ElementsAre("zero", "one", "two"));
}

TEST_F(Journal, AFollowerTakesRequestsAndClaimsFromIt) {
  const std::string gin =
      "[GIN] 2026/05/02 - 09:19:05 | 200 | 1.5s |    192.168.77.5 | POST     \"/api/chat\"";
  entry("load_tensors: offloaded 12/29 layers to GPU");
  entry(gin);
  commit();
  LogFollower follower(LogPlace{"127.0.0.1:11434", tree_.root(), "ollama.service"});
  EXPECT_TRUE(follower.poll());
  EXPECT_TRUE(follower.state().followed) << follower.state().error;
  EXPECT_EQ(follower.state().layers_offloaded, 12);
  EXPECT_THAT(follower.take_requests(), IsEmpty()) << "old";
  entry(gin);
  commit();
  EXPECT_TRUE(follower.poll());
  const auto requests = follower.take_requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests.front().path, "/api/chat");
  EXPECT_EQ(requests.front().client, "");
}

TEST(JournalOfNobody, IsAnError) {
  TempTree tree;
  JournalTail tail(tree.root(), "ollama.service");
  EXPECT_TRUE(tail.poll([](std::string_view) { FAIL(); }));
}

TEST_F(Journal, TellsWhenThereMayBeNewEntries) {
  entry("one");
  commit();
  JournalTail tail(tree_.root(), "ollama.service");
  WakeableWait wait;
  const auto told = [&] { return !wait.wait({tail.changes_fd()}, MonotonicTime{}).empty(); };
  EXPECT_EQ(tail.changes_fd(), -1) << "not open yet";
  polled(tail);
  ASSERT_GE(tail.changes_fd(), 0);
  EXPECT_FALSE(told());
  entry("two");
  commit();
  EXPECT_TRUE(told());
  EXPECT_THAT(polled(tail), ElementsAre("two"));
  EXPECT_FALSE(told());
}

}  // namespace
}  // namespace tegrascope::test
