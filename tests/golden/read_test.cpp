// What `tegrascope read` prints of a board, as text and as JSON: both are contracts. TEGRASCOPE_UPDATE_GOLDEN=1 writes
// the files anew; read the difference before committing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/app/board_report.hpp"
#include "agent/cli/read_json.hpp"
#include "agent/cli/read_text.hpp"

namespace tegrascope::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// Every duration a millisecond; `self` is left out, its figures are the test program's.
BoardReport report_of(const fs::path& root) {
  Config config;
  config.paths = {root / "proc", root / "sys", root, {}};
  config.collectors["self"] = false;
  BoardReport report = read_board_report(config);
  const auto even_out = [](std::vector<Source>& sources) {
    for (Source& source : sources)
      if (source.took) source.took = std::chrono::milliseconds{1};
  };
  for (CollectorReport& collector : report.collectors) {
    collector.took = std::chrono::milliseconds{1};
    for (SignalReport& signal : collector.signals) even_out(signal.sources);
    for (ProcessReport& process : collector.processes) even_out(process.sources);
  }
  return report;
}

std::string without_root(std::string text, const std::string& root) {
  for (auto at = text.find(root); at != std::string::npos; at = text.find(root)) text.erase(at, root.size());
  return text;
}

class Read : public testing::TestWithParam<const char*> {
 protected:
  void expect_golden(const std::string& output, const char* suffix) {
    const fs::path golden =
        fs::path(TEGRASCOPE_SOURCE_DIR "/tests/golden/read") / (std::string(GetParam()) + suffix);
    const std::string text = without_root(output, root_.string());
    if (std::getenv("TEGRASCOPE_UPDATE_GOLDEN") != nullptr) std::ofstream{golden} << text;
    EXPECT_EQ(text, text_of(golden));
  }
  const fs::path root_ = fs::path(TEGRASCOPE_FIXTURES) / GetParam();
};

TEST_P(Read, Text) { expect_golden(report_text(report_of(root_)), ".txt"); }

TEST_P(Read, Json) {
  const std::string json = report_json(report_of(root_));
  EXPECT_TRUE(nlohmann::json::parse(json, nullptr, false).is_object());
  expect_golden(json, ".json");
}

INSTANTIATE_TEST_SUITE_P(Boards, Read, testing::Values("orin-nano-r35", "agx-thor-r38", "pc-debian12"),
                         [](const auto& board) {
                           std::string name = board.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(ReadText, ValuesAreReadable) {
  EXPECT_EQ(readable(47.5, Unit::celsius), "47.5 °C");
  EXPECT_EQ(readable(4.0189, Unit::watts), "4.019 W");
  EXPECT_EQ(readable(1728e6, Unit::hertz), "1728 MHz");
  EXPECT_EQ(readable(512, Unit::bytes), "512 B");
  EXPECT_EQ(readable(1024, Unit::bytes), "1.0 KiB");
  EXPECT_EQ(readable(7.5 * 1024 * 1024 * 1024, Unit::bytes), "7.50 GiB");
  EXPECT_EQ(readable(0.534, Unit::ratio), "53.4 %");
  EXPECT_EQ(readable(1, Unit::boolean), "yes");
  EXPECT_EQ(readable(0, Unit::unix_seconds), "1970-01-01T00:00:00Z");
  EXPECT_EQ(readable(68.256e9, Unit::bytes_per_second), "68.26 GB/s");
}

TEST(ReadText, APermissionSaysOnceHowToGrantIt) {
  BoardReport report;
  CollectorReport emc;
  emc.name = "emc";
  emc.state = CollectorState::failed;
  for (const Signal signal : {Signal::emc_frequency_hertz, Signal::emc_utilization_ratio})
    emc.absent.push_back(
        {signal, "", "/sys/kernel/debug/x", "permission", "Permission denied", "become root"});
  report.collectors.push_back(emc);
  const std::string text = report_text(report);
  EXPECT_NE(text.find("absent emc_frequency_hertz, emc_utilization_ratio: permission (Permission denied) "
                      "/sys/kernel/debug/x\n    to grant it: become root\n"),
            std::string::npos)
      << text;
}

TEST(ReadJson, AnUnknownValueIsLeftOut) {
  BoardReport report;
  CollectorReport fan;
  fan.name = "fan";
  fan.state = CollectorState::absent;
  fan.reason = "this board has no such hardware";
  fan.absent.push_back({Signal::fan_speed_rpm, "", "", "hardware", "", ""});
  report.collectors.push_back(fan);
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["board"], (nlohmann::json{{"jetson", false}}));
  EXPECT_EQ(json["collectors"][0]["absent"][0],
            (nlohmann::json{{"signal", "fan_speed_rpm"}, {"reason", "hardware"}}));
}

}  // namespace
}  // namespace tegrascope::test
