// Every real excerpt: its first line, "# source: ..., what happened: X, cause: Y", says what must come out.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "tests/support/corpus.hpp"
#include "tests/unit/collectors/ollama/log/decoded.hpp"

namespace tegrascope::test {
namespace {

struct Excerpt {
  std::string name;
  std::string told;
  std::string text;
};

std::vector<Excerpt> excerpts() {
  std::vector<Excerpt> result;
  const auto corpus = corpus_directory("ollama-logs");
  if (!corpus) return result;
  for (const auto& entry : std::filesystem::directory_iterator(*corpus)) {
    if (entry.path().extension() != ".log") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    Excerpt excerpt;
    excerpt.name = entry.path().stem().string();
    std::getline(in, excerpt.told);
    excerpt.text.assign(std::istreambuf_iterator<char>(in), {});
    result.push_back(std::move(excerpt));
  }
  return result;
}

bool undecidable(const std::string& name) {
  return name.find("karakeep-1129") != std::string::npos || name.find("ollama-1895") != std::string::npos ||
         name.find("ollama-6866") != std::string::npos;
}

// Up to the next comma or the end.
std::string told_after(const std::string& told, const std::string& key) {
  const std::size_t at = told.find(key);
  if (at == std::string::npos) return {};
  return told.substr(at + key.size());
}

// The reason classes that a cause names: suffixes cut, none when it names none.
std::set<ReasonClass> reasons_in(const std::string& cause) {
  std::set<ReasonClass> reasons;
  for (const ReasonClass reason : kReasonClasses) {
    const std::string word(to_string(reason));
    for (std::size_t at = cause.find(word); at != std::string::npos; at = cause.find(word, at + 1)) {
      const bool longer = reason == ReasonClass::no_gpu && cause.compare(at, 14, "no-gpu-library") == 0;
      const bool inside = at > 0 && cause[at - 1] == '-';
      if (!longer && !inside) reasons.insert(reason);
    }
  }
  if (cause.find("VRAM not recovered") == std::string::npos &&
      cause.find("then runner crash") != std::string::npos)
    reasons.insert(ReasonClass::runner_crash);
  if (reasons.empty()) reasons.insert(ReasonClass::none);
  return reasons;
}

TEST(LogCorpus, PlacementAndReasonAreAsTold) {
  const auto all = excerpts();
  if (all.empty()) GTEST_SKIP() << "no corpus of real logs: set TEGRASCOPE_CORPUS to its directory";
  EXPECT_GE(all.size(), 37u);
  for (const Excerpt& excerpt : all) {
    SCOPED_TRACE(excerpt.name + "\n" + excerpt.told);
    const LogSummary summary = summarized(excerpt.text);
    if (undecidable(excerpt.name)) {
      EXPECT_TRUE(summary.placement == Placement::unknown || summary.placement == Placement::gpu);
      EXPECT_EQ(to_string(summary.reason), "none");
      continue;
    }
    const std::string happened = told_after(excerpt.told, "what happened: ");
    for (const Placement placement :
         {Placement::gpu, Placement::partial, Placement::cpu, Placement::unknown}) {
      const std::string word(to_string(placement));
      if (happened.compare(0, word.size() + 1, word + ",") == 0 ||
          happened.compare(0, word.size() + 1, word + " ") == 0) {
        const bool told = happened.find("not in the excerpt") > happened.find(", cause: ");
        if (told) {
          EXPECT_EQ(to_string(summary.placement), word);
        }
      }
    }
    const auto reasons = reasons_in(told_after(excerpt.told, "cause: "));
    EXPECT_TRUE(reasons.contains(summary.reason)) << to_string(summary.reason);
  }
}

TEST(LogCorpus, FiguresAreAsPrinted) {
  for (const Excerpt& excerpt : excerpts()) {
    const LogSummary summary = summarized(excerpt.text);
    if (excerpt.name == "ollama-10740-gin-interleaved-65-65") {
      EXPECT_EQ(summary.layers_offloaded, 65);
      EXPECT_EQ(summary.devices, (std::vector<std::string>{"CUDA0", "CUDA1", "CUDA2"}));
    } else if (excerpt.name == "karakeep-1129-aborts-cpu") {
      EXPECT_EQ(summary.requests, 6u);
      EXPECT_EQ(summary.aborts, 5u);
    } else if (excerpt.name == "ollama-12000-plan-48-49") {
      EXPECT_EQ(summary.layers_offloaded, 48);
      EXPECT_EQ(summary.layers_total, 49);
    } else if (excerpt.name == "ollama-4545-embeddings-assert-500") {
      EXPECT_EQ(summary.requests, 5u);
    } else if (excerpt.name == "ollama-8387-gin-500-30min") {
      EXPECT_EQ(summary.requests, 10u);
    }
  }
}

TEST(LogCorpus, EveryCutIsSurvived) {
  for (const Excerpt& excerpt : excerpts()) {
    for (std::size_t size = 0; size < excerpt.text.size(); size += 7)
      summarized(excerpt.text.substr(0, size));
  }
}

// Pieces of real lines and random bytes, cut and glued anywhere.
TEST(LogFuzz, AnyBytesAreSurvived) {
  std::string pool =
      "time=2026-01-02T03:04:05Z level=INFO source=x msg=\"offload to cuda\" layers.offload=\\\"\n[GIN] "
      "2026/01/02 - "
      "03:04:05 | 200 | 1m2s | ::1 | POST \"/api/chat\"\n{\"log\":\"a\\u00\n{\"function\":\"x\",\"msg\":\" "
      "time = 5 ms "
      "/\"}\nslot x: id 1 | task 2 | n_decoded = \nload_tensors: CUDA0 model buffer size = 99999999999 MiB\n";
  for (const Excerpt& excerpt : excerpts()) pool += excerpt.text;
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int piece = 0; piece < 60; ++piece) {
      const std::size_t at = below(pool.size());
      text += pool.substr(at, below(200));
      if (below(3) == 0) text += static_cast<char>(below(256));
      if (below(5) == 0) text += '\n';
    }
    for (const LogEvent& event : decoded(text)) {
      if (const auto* request = std::get_if<LogRequest>(&event)) {
        EXPECT_LE(request->path.size(), kMaxLogText);
      }
    }
    summarized(text);
  }
}

// A line of the longest kind, of everything that is searched for again and again.
TEST(LogFuzz, TimeGrowsWithTheLengthOnly) {
  for (const std::string unit : {"time=", "[GIN] ", "[GIN] |", "\"", "\\", "{\"", "slot | task ", "a=b ",
                                 "device context ", "time=2026-01-02T", "buffer size", "\x1b[", "Device "}) {
    std::string line;
    while (line.size() < LogLines::kMaxLineBytes) line += unit;
    const auto begin = std::chrono::steady_clock::now();
    decoded(line + '\n' + "{\"log\":\"" + line + '\n' + "time=2026-01-02T03:04:05Z level=INFO msg=\"" + line);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << unit;
  }
}

}  // namespace
}  // namespace tegrascope::test
