// Every real tegrastats line, through the program as a user pipes it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

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

TEST(DecodeOllamaLog, ReadsWhatIsPipedInAndEndsWithTheSummary) {
  TempTree directory;
  directory.write("server.log",
                  "load_tensors: offloaded 5/37 layers to GPU\n"
                  "[GIN] 2024/09/13 - 09:19:09 | 200 | 1.5s | 127.0.0.1 | POST     \"/api/chat\"\n" +
                      std::string(100'000, 'x') + "\n");
  ChildProcess decode(
      {TEGRASCOPE_PROGRAM, "decode", "ollama-log", (directory.root() / "server.log").string()},
      directory.root());
  ASSERT_EQ(decode.wait_for(10s), 0) << decode.errors();
  std::istringstream out(decode.output());
  std::vector<nlohmann::json> objects;
  for (std::string line; std::getline(out, line);) objects.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["event"], "offload");
  EXPECT_EQ(objects[1]["event"], "request");
  EXPECT_EQ(objects[2]["summary"]["placement"], "partial");
  EXPECT_EQ(objects[2]["summary"]["reason_class"], "vram-too-small");
  EXPECT_EQ(objects[2]["summary"]["requests"], 1);
}

TEST(DecodeOllamaLog, AMissingFileIsNamed) {
  TempTree directory;
  ChildProcess decode({TEGRASCOPE_PROGRAM, "decode", "ollama-log", "/nonexistent/file"}, directory.root());
  EXPECT_EQ(decode.wait_for(10s), 1);
  EXPECT_NE(decode.errors().find("/nonexistent/file"), std::string::npos) << decode.errors();
}

}  // namespace
}  // namespace tegrascope::test
