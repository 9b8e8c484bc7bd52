#include "collectors/ollama/log/log_text.hpp"

#include <gtest/gtest.h>

#include "collectors/ollama/log/gin_line.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> cut(const std::vector<std::string>& blocks) {
  std::vector<std::string> result;
  LogLines lines;
  const auto keep = [&](std::string_view line) { result.emplace_back(line); };
  for (const auto& block : blocks) lines.feed(block, keep);
  lines.finish(keep);
  return result;
}

TEST(LogLines, CutsAtEveryKindOfLineEndHoweverTheBytesCome) {
  EXPECT_EQ(cut({"one\r\ntw", "o\n\n12 %\r100 %\rthr", "ee"}),
            (std::vector<std::string>{"one", "two", "12 %", "100 %", "three"}));
}

TEST(LogLines, AnEndlessLineIsKeptToTheBoundAndTheNextOneIsWhole) {
  std::vector<std::string> blocks(300, std::string(1000, 'x'));
  blocks.push_back("\nafter\n");
  const auto lines = cut(blocks);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), LogLines::kMaxLineBytes);
  EXPECT_EQ(lines[1], "after");
}

TEST(PlainLogText, IsTakenOutOfDockersAndJournaldsJson) {
  EXPECT_EQ(plain_log_text(
                R"({"log":"a \"quoted\" \u003cb\u003e\n","stream":"stderr","time":"2026-01-01T00:00:00Z"})"),
            "a \"quoted\" <b>");
  EXPECT_EQ(plain_log_text(R"({"log": "a \"b\"\n", "stream": "stderr"})"), "a \"b\"");
  EXPECT_EQ(plain_log_text(R"({"_PID":"7","MESSAGE":"offloaded 1/2","PRIORITY":"6"})"), "offloaded 1/2");
  EXPECT_EQ(plain_log_text(R"({"function":"main","msg":"x"})"), R"({"function":"main","msg":"x"})");
}

TEST(PlainLogText, LosesColours) {
  EXPECT_EQ(plain_log_text("\x1b[97;42m 200 \x1b[0m| x\x1b"), " 200 | x");
  EXPECT_EQ(plain_log_text("cut \x1b[9"), "cut ");
}

TEST(Slog, AttributesOfEveryForm) {
  const std::string text =
      R"(....time=2026-06-05T09:22:29.323+08:00 level=INFO source=x.go:1 msg="a \"b\" c" n=-1 "total vram"="0 B" e="" cut="7 G)";
  const std::size_t at = find_slog(text);
  ASSERT_EQ(at, 4u);
  const SlogLine line = parse_slog(std::string_view(text).substr(at));
  EXPECT_EQ(line.message, R"(a \"b\" c)");
  EXPECT_EQ(line["n"], "-1");
  EXPECT_EQ(line["total vram"], "0 B");
  EXPECT_EQ(line["e"], "");
  EXPECT_EQ(line["cut"], "7 G");
  EXPECT_EQ(line["absent"], "");
}

TEST(Slog, TimeMaskedAndQuotesLost) {
  const std::string_view text =
      "time=xxx level=INFO source=llm.go:111 msg=not enough vram available, falling back";
  ASSERT_NE(find_slog(text), std::string_view::npos);
  EXPECT_EQ(parse_slog(text.substr(find_slog(text))).message, "not enough vram available, falling back");
}

TEST(Slog, OtherTextWithTimeInItIsNone) {
  EXPECT_EQ(find_slog("eval time = 16112.50 ms, runtime=5 time=12:30"), std::string_view::npos);
}

TEST(ByteSize, AsOllamaPrintsIt) {
  EXPECT_EQ(parse_byte_size("61.4 GiB"), 65927747994u);
  EXPECT_EQ(parse_byte_size("0 B"), 0u);
  EXPECT_EQ(parse_byte_size("512.0 MiB"), 536870912u);
  EXPECT_EQ(parse_byte_size("many GiB"), std::nullopt);
  EXPECT_EQ(parse_byte_size("-1 GiB"), std::nullopt);
  EXPECT_EQ(parse_byte_size(""), std::nullopt);
}

TEST(GoDuration, OfEveryLength) {
  EXPECT_EQ(parse_go_duration("104.503µs"), 104503ns);
  EXPECT_EQ(parse_go_duration("28.53\xb5s"), 28530ns);
  EXPECT_EQ(parse_go_duration("791.978us"), 791978ns);
  EXPECT_EQ(parse_go_duration("30.5ms"), 30500us);
  EXPECT_EQ(parse_go_duration("36.088775013s"), 36088775013ns);
  EXPECT_EQ(parse_go_duration("2m48s"), 168s);
  EXPECT_EQ(parse_go_duration("4h27m55s"), 16075s);
  EXPECT_EQ(parse_go_duration("0s"), 0s);
  for (const char* wrong : {"", "s", "5", "5x", "1m5", "nan", "1e300h", "99999999999999h"})
    EXPECT_EQ(parse_go_duration(wrong), std::nullopt) << wrong;
}

TEST(GinLine, EveryField) {
  const auto request = parse_gin(
      R"([GIN] 2025/03/17 - 07:09:31 | 499 |         1m10s |   192.168.1.3 | POST     "/v1/chat/completions?x=secret")");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->end, "2025-03-17T07:09:31");
  EXPECT_EQ(request->status, 499);
  EXPECT_EQ(request->duration, 70s);
  EXPECT_EQ(request->client, "192.168.1.3");
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->path, "/v1/chat/completions");
  EXPECT_TRUE(is_inference(*request));
}

TEST(GinLine, CutOrMasked) {
  const std::string whole = R"([GIN] xxx | 200 |    4.59ms |   x | GET      "/api/tags")";
  const auto request = parse_gin(whole);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->end, "");
  EXPECT_FALSE(is_inference(*request));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_gin(std::string_view(whole).substr(0, size))) << size;
}

}  // namespace
}  // namespace tegrascope
