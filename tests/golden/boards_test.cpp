// Every board's tree through all collectors, the analysis and the exporter: the whole exposition is a contract.
// TEGRASCOPE_UPDATE_GOLDEN=1 writes the files anew; read the difference before committing.
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include "agent/analysis/analysis.hpp"
#include "collectors/collector.hpp"
#include "collectors/jetson/board.hpp"
#include "exporters/prometheus/view.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

HostPaths paths_of(const fs::path& root) { return {root / "proc", root / "sys", root, {}}; }

// Two slots a second apart by a clock that stands still while a slot is read; `self` is left out, its figures
// are the test program's.
std::string exposition(const fs::path& root) {
  const HostPaths paths = paths_of(root);
  AnalysisOptions options;
  options.board = read_board(paths);
  options.gpu_present = gpu_present(paths);
  Analysis analysis(options);
  std::vector<std::unique_ptr<Collector>> collectors;
  for (const CollectorInfo& info : builtin_collectors())
    if (info.on_by_default && info.name != "self") collectors.push_back(info.make(paths));
  for (const MonotonicTime slot : {MonotonicTime{1000s}, MonotonicTime{1001s}}) {
    for (const auto& collector : collectors) {
      Batch batch;
      batch.collector = collector->name();
      batch.started = batch.finished = slot;
      collector->collect(batch);
      for (Reading& reading : batch.readings) reading.at = slot;
      for (ProcessReading& process : batch.processes) process.at = slot;
      analysis.add(batch);
    }
    analysis.advance(slot);
  }
  analysis.advance(MonotonicTime{1004s});
  return prometheus::TextSerializer{}.Serialize(
      to_families(*analysis.make_snapshot(MonotonicTime{1004s}), {"0.0.0", "golden"}));
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Boards : public testing::TestWithParam<const char*> {
 protected:
  fs::path tree() const { return fs::path(TEGRASCOPE_FIXTURES) / GetParam(); }
  fs::path golden() const {
    return fs::path(TEGRASCOPE_SOURCE_DIR "/tests/golden/boards") / (std::string(GetParam()) + ".txt");
  }
};

TEST_P(Boards, Exposition) {
  const std::string page = exposition(tree());
  if (std::getenv("TEGRASCOPE_UPDATE_GOLDEN") != nullptr) std::ofstream{golden()} << page;
  EXPECT_EQ(page, text_of(golden()));
}

TEST_P(Boards, PromtoolHasNothingToSay) {
  const auto promtool = find_tool("promtool");
  if (!promtool) GTEST_SKIP() << "no promtool in PATH or build/tools";
  EXPECT_EQ(run("'" + *promtool + "' check metrics < '" + golden().string() + "'"), 0);
}

// What a user captures on the board reads as the board does.
TEST_P(Boards, CapturedTreeGivesTheSame) {
  TempTree directory;
  const fs::path captured = directory.root() / "captured";
  ASSERT_EQ(run("sh '" TEGRASCOPE_SOURCE_DIR "/deploy/capture-board.sh' --root '" + tree().string() + "' '" +
                captured.string() + "' > '" + (directory.root() / "said").string() + "'"),
            0);
  EXPECT_EQ(exposition(captured), text_of(golden()));
}

INSTANTIATE_TEST_SUITE_P(All, Boards,
                         testing::Values("nano-r32", "xavier-nx-r35", "orin-nano-r35", "orin-nano-r36",
                                         "orin-nano-r39", "agx-orin-r36", "agx-thor-r38", "pc-debian12"),
                         [](const auto& board) {
                           std::string name = board.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(UnknownBoard, GivesGenericCollectorsOnlyAndSaysSo) {
  const std::string page = exposition(fs::path(TEGRASCOPE_FIXTURES) / "pc-debian12");
  EXPECT_NE(page.find(R"(tegrascope_board_info{module="unknown",soc="unknown")"), std::string::npos);
  for (const char* collector : {"gpu", "emc", "engines", "rails", "throttle", "fan", "nvpmodel"})
    EXPECT_EQ(page.find(std::string("collector=\"") + collector), std::string::npos) << collector;
  for (const char* collector : {"cpu", "memory", "pressure", "thermal", "cooling"})
    EXPECT_NE(page.find(std::string("tegrascope_collector_up{collector=\"") + collector + "\"} 1"),
              std::string::npos)
        << collector;
}

TEST(CaptureBoard, ScrubsWhatNamesABoardOrAPerson) {
  TempTree tree;
  tree.write("root/sys/firmware/devicetree/base/serial-number", std::string("1421322012345") + '\0');
  tree.write("root/sys/firmware/devicetree/base/compatible", std::string("nvidia,tegra234") + '\0');
  tree.write("root/proc/sys/kernel/hostname", "lab-orin-7\n");
  tree.write("root/etc/nv_tegra_release",
             "# R36 (release), REVISION: 4.4, 1421322012345 48:b0:2d:01:02:03\n");
  tree.write("root/proc/swaps", "Filename Type\n/home/alice/swap file 1 0 -2\n");
  tree.write("root/proc/812/cmdline", std::string("/usr/local/bin/ollama\0serve\0--on\0lab-orin-7\0", 44));
  tree.write("root/proc/812/stat", "812 (ollama) S 1\n");
  tree.write("root/proc/900/cmdline", std::string("/usr/bin/editor\0secret.txt\0", 27));
  tree.write("root/proc/900/stat", "900 (editor) S 1\n");
  ASSERT_EQ(
      run("sh '" TEGRASCOPE_SOURCE_DIR "/deploy/capture-board.sh' --root '" + tree.path("root").string() +
          "' '" + tree.path("out").string() + "' > '" + tree.path("said").string() + "'"),
      0);
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(tree.path("out")))
    if (entry.is_regular_file()) all += text_of(entry.path());
  for (const char* secret : {"1421322012345", "48:b0:2d", "alice", "lab-orin-7", "secret"})
    EXPECT_EQ(all.find(secret), std::string::npos) << secret;
  EXPECT_NE(all.find("00:00:00:00:00:00"), std::string::npos);
  EXPECT_EQ(text_of(tree.path("out/proc/812/cmdline")),
            std::string("/usr/local/bin/ollama\0serve\0--on\0host\0", 38));
  EXPECT_FALSE(fs::exists(tree.path("out/proc/900")));
  EXPECT_EQ(text_of(tree.path("out/sys/firmware/devicetree/base/compatible")),
            std::string("nvidia,tegra234") + '\0');
}

TEST(CaptureBoard, RefusesAnOutputThatExists) {
  TempTree tree;
  tree.write("out/kept", "text");
  EXPECT_EQ(run("sh '" TEGRASCOPE_SOURCE_DIR "/deploy/capture-board.sh' --root / '" +
                tree.path("out").string() + "' 2> '" + tree.path("said").string() + "'"),
            1);
  EXPECT_NE(text_of(tree.path("said")).find("exists"), std::string::npos);
}

}  // namespace
}  // namespace tegrascope::test
