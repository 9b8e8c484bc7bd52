// What `tegrascope doctor` finds on boards without an Ollama, as text and as JSON. TEGRASCOPE_UPDATE_GOLDEN=1 writes the
// files anew; read the difference before committing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/app/doctor/gather.hpp"
#include "agent/app/doctor/report.hpp"

namespace tegrascope::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class Doctor : public testing::TestWithParam<const char*> {
 protected:
  DoctorFacts facts() const {
    const fs::path root = fs::path(TEGRASCOPE_FIXTURES) / GetParam();
    Config config;
    config.paths = {root / "proc", root / "sys", root, {}};
    config.collectors["self"] = false;
    config.collectors["tegrastats"] = false;
    config.ollama_urls.clear();
    return gather_doctor_facts(config);
  }
  void expect_golden(const std::string& text, const char* suffix) const {
    const fs::path golden =
        fs::path(TEGRASCOPE_SOURCE_DIR "/tests/golden/doctor") / (std::string(GetParam()) + suffix);
    if (std::getenv("TEGRASCOPE_UPDATE_GOLDEN") != nullptr) std::ofstream{golden} << text;
    EXPECT_EQ(text, text_of(golden));
  }
};

TEST_P(Doctor, FindsTheSame) {
  const DoctorFacts found = facts();
  const auto findings = find_all(found);
  expect_golden(findings_text(findings), ".txt");
  const std::string json = findings_json(found, findings);
  EXPECT_TRUE(nlohmann::json::parse(json, nullptr, false).is_object());
  expect_golden(json, ".json");
  EXPECT_EQ(exit_code(findings), 1) << "there is no Ollama";
}

INSTANTIATE_TEST_SUITE_P(Boards, Doctor,
                         testing::Values("nano-r32", "xavier-nx-r35", "orin-nano-r35", "orin-nano-r36",
                                         "orin-nano-r39", "agx-orin-r36", "agx-thor-r38", "pc-debian12"),
                         [](const auto& board) {
                           std::string name = board.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace tegrascope::test
