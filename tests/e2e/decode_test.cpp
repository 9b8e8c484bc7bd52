// Every real tegrastats line, through the program as a user pipes it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/child_process.hpp"
#include "tests/support/corpus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

TEST(DecodeTegrastats, PrintsAnObjectForEachRealLine) {
  const auto corpus = corpus_directory("tegrastats");
  if (!corpus) GTEST_SKIP() << "no corpus of real lines: set TEGRASCOPE_CORPUS to its directory";
  TempTree directory;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*corpus)) {
    SCOPED_TRACE(entry.path().filename().string());
    std::size_t expected = 0;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) expected += !line.empty() && line[0] != '#' ? 1 : 0;

    ChildProcess decode({TEGRASCOPE_PROGRAM, "decode", "tegrastats", entry.path().string()},
                        directory.root());
    ASSERT_EQ(decode.wait_for(10s), 0) << decode.errors();
    std::istringstream out(decode.output());
    std::size_t objects = 0;
    for (std::string line; std::getline(out, line); ++objects) {
      const auto object = nlohmann::json::parse(line, nullptr, false);
      ASSERT_TRUE(object.is_object()) << line;
      EXPECT_GT(object["memory"]["total_bytes"].get<double>(), 0) << line;
      EXPECT_FALSE(object["cpus"].empty()) << line;
    }
    EXPECT_EQ(objects, expected);
    ++files;
  }
  EXPECT_GT(files, 30u);
}

TEST(DecodeTegrastats, AMissingFileIsNamed) {
  TempTree directory;
  ChildProcess decode({TEGRASCOPE_PROGRAM, "decode", "tegrastats", "/nonexistent/file"}, directory.root());
  EXPECT_EQ(decode.wait_for(10s), 1);
  EXPECT_NE(decode.errors().find("/nonexistent/file"), std::string::npos) << decode.errors();
}

}  // namespace
}  // namespace tegrascope::test
