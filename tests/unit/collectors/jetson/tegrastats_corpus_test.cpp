// Every line of the collection of real tegrastats lines through the parser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "collectors/jetson/tegrastats_line.hpp"
#include "collectors/text.hpp"
#include "tests/support/corpus.hpp"

namespace tegrascope {
namespace {

std::filesystem::path corpus() { return test::corpus_directory("tegrastats").value_or("the corpus"); }

struct CorpusLine {
  std::string file;
  std::string text;
};

std::vector<CorpusLine> corpus_lines() {
  std::vector<CorpusLine> lines;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(corpus(), error)) {
    std::ifstream in(entry.path());
    for (std::string text; std::getline(in, text);)
      if (!trim(text).empty() && text[0] != '#') lines.push_back({entry.path().filename(), text});
  }
  return lines;
}

// How many of the line's tokens a parsed field was written with.
std::size_t tokens_of(const TegrastatsLine& line) {
  const auto memory = [](const auto& m, bool glued) {
    return m ? 2u + (m->largest_free_block ? (glued ? 1u : 2u) : 0u) : 0u;
  };
  std::size_t count = line.time.empty() ? 0 : 2;
  count += memory(line.memory, false) + memory(line.iram, true);
  count += line.swap ? 2 + (line.swap->cached_bytes ? 2 : 0) : 0;
  count += line.cpus ? 2 : 0;
  count += line.emc ? 2 : 0;
  count += line.gpu ? 2 : 0;
  count += 2 * line.engines.size();
  count += line.temperatures.size();
  count += 2 * line.rails.size();
  count += line.mts ? 5 : 0;
  return count + line.unread.size();
}

TEST(TegrastatsCorpus, EveryTokenOfEveryLineIsReadOrUnread) {
  const auto lines = corpus_lines();
  if (lines.empty()) GTEST_SKIP() << "no tegrastats lines in " << corpus();
  EXPECT_GE(lines.size(), 60u);
  std::size_t unread = 0;
  for (const auto& [file, text] : lines) {
    const auto line = parse_tegrastats_line(text);
    SCOPED_TRACE(file + ": " + text);
    ASSERT_TRUE(line.memory);
    EXPECT_GT(line.memory->used_bytes, 0u);
    EXPECT_LE(line.memory->used_bytes, line.memory->total_bytes);
    EXPECT_TRUE(line.memory->largest_free_block);
    ASSERT_TRUE(line.cpus);
    EXPECT_GE(line.cpus->size(), 4u);
    EXPECT_TRUE(line.gpu);
    for (const auto& core : *line.cpus) {
      EXPECT_EQ(core.online, core.utilization_ratio.has_value());
      EXPECT_EQ(core.online, core.frequency_hertz.has_value());
    }

    // What the maps cannot count: zones that are powered off, names that are printed twice, the second GPU
    // field.
    const auto fields = split_fields(text);
    const auto times = [&](std::string_view word) {
      return static_cast<std::size_t>(std::count(fields.begin(), fields.end(), word));
    };
    const auto off = static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [](std::string_view field) { return field.ends_with("@-256C"); }));
    const std::size_t repeated = times("NC") > 1 ? 2 * (times("NC") - 1) : 0;
    EXPECT_EQ(tokens_of(line) + off + repeated + 2 * times("GR3D2_FREQ"), fields.size());
    unread += line.unread.size();
  }
  // No line of the collection ends within a token that shows it: its cut lines end after a whole one, and
  // "POM_5V_CPU 613/2" of jetson_stats PR #16 cannot be told from a whole value.
  EXPECT_EQ(unread, 0u);
}

// Every real line cut at every byte: nothing is lost, and only the end of the line is unread.
TEST(TegrastatsCorpus, LinesCutAnywhereLoseOnlyTheirEnd) {
  const auto lines = corpus_lines();
  if (lines.empty()) GTEST_SKIP() << "no tegrastats lines in " << corpus();
  for (const auto& [file, text] : lines) {
    const auto whole = parse_tegrastats_line(text);
    for (std::size_t size = 0; size < text.size(); ++size) {
      const auto line = parse_tegrastats_line(std::string_view(text).substr(0, size));
      SCOPED_TRACE(file + ": " + text.substr(0, size));
      EXPECT_LE(line.unread.size(), 3u);  // "MTS fg 0"
      const auto fields = split_fields(std::string_view(text).substr(0, size));
      for (std::size_t i = 0; i < line.unread.size(); ++i) {
        // ends_with: of "0/252kB(lfb" the amount is read.
        EXPECT_TRUE(fields[fields.size() - line.unread.size() + i].ends_with(line.unread[i]))
            << line.unread[i];
      }
      if (line.memory) {
        EXPECT_EQ(line.memory->total_bytes, whole.memory->total_bytes);
      }
      if (line.cpus && line.cpus->front().frequency_hertz == whole.cpus->front().frequency_hertz) {
        EXPECT_EQ(line.cpus->size(), whole.cpus->size());
      }
      for (const auto& [zone, temperature] : line.temperatures)
        EXPECT_EQ(temperature.celsius, whole.temperatures.at(zone).celsius);
      if (text.find("NC ") != std::string::npos)
        continue;  // of two NC the first is seen until the second is there
      for (const auto& [name, rail] : line.rails) {
        ASSERT_TRUE(whole.rails.contains(name)) << name;
        EXPECT_EQ(rail.watts, whole.rails.at(name).watts);
      }
      for (const auto& [name, engine] : line.engines) EXPECT_TRUE(whole.engines.contains(name)) << name;
    }
  }
}

TEST(TegrastatsCorpus, KnownFigures) {
  const auto lines = corpus_lines();
  if (lines.empty()) GTEST_SKIP() << "no tegrastats lines in " << corpus();
  const auto first_of = [&](std::string_view file) {
    const auto found =
        std::find_if(lines.begin(), lines.end(), [&](const CorpusLine& l) { return l.file == file; });
    return found == lines.end() ? TegrastatsLine{} : parse_tegrastats_line(found->text);
  };
  const auto xavier = first_of("r32-agx-xavier-32-busy.txt");
  EXPECT_EQ(xavier.gpu->utilization_ratio, 0.95);
  EXPECT_EQ(xavier.rails.at("GPU").watts, 18.401);
  EXPECT_EQ(xavier.temperatures.at("GPU").celsius, 54.5);
  const auto orin = first_of("r35-agx-orin-64-root.txt");
  EXPECT_EQ(orin.gpu->frequencies_hertz.size(), 2u);
  EXPECT_FALSE(orin.temperatures.contains("GPU"));
  const auto thor = first_of("r38.4-thor-docs.txt");
  EXPECT_EQ(thor.rails.at("VIN").watts, 19.78);
  EXPECT_EQ(thor.gpu->utilization_ratio, std::nullopt);
}

}  // namespace
}  // namespace tegrascope
