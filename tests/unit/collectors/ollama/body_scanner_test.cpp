#include "collectors/ollama/body_scanner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

RequestFields scan(std::string_view text) {
  BodyScanner scanner;
  scanner.feed(text);
  return scanner.fields();
}

TEST(BodyScanner, ReadsTheFieldsAtEveryCut) {
  const std::string text =
      R"( { "messages":[{"role":"user","content":"say \"model\":\"x\" {[\\\"","images":["aGk="]}], "model" : "qwen2.5:7b",)"
      R"("stream": false ,"keep_alive":"5m","options":{"stop":["}"],"nested":{"num_gpu":7},"num_gpu":0,"num_predict":-1,)"
      R"("num_ctx":4096.0},"stream_options":{"include_usage":true},"format":{"type":"object","model":"no"}})";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    BodyScanner scanner;
    scanner.feed(std::string_view(text).substr(0, cut));
    scanner.feed(std::string_view(text).substr(cut));
    const RequestFields& fields = scanner.fields();
    ASSERT_EQ(fields.model, "qwen2.5:7b") << cut;
    ASSERT_EQ(fields.stream, false) << cut;
    ASSERT_EQ(fields.keep_alive, "5m") << cut;
    ASSERT_EQ(fields.num_gpu, 0) << cut;
    ASSERT_EQ(fields.num_predict, -1) << cut;
    ASSERT_EQ(fields.num_ctx, 4096) << cut;
    ASSERT_EQ(fields.include_usage, true) << cut;
    ASSERT_TRUE(scanner.complete()) << cut;
  }
}

TEST(BodyScanner, OnlyTheTopLevelCounts) {
  const RequestFields fields =
      scan(R"({"messages":[{"model":"a","stream":false}],"tools":[{"options":{"num_gpu":1}}],"model":"b"})");
  EXPECT_EQ(fields.model, "b");
  EXPECT_FALSE(fields.stream);
  EXPECT_FALSE(fields.num_gpu);
}

TEST(BodyScanner, MatchesKeysAsGoDoes) {
  EXPECT_EQ(scan(R"({"Model":"a","MODEL":"b"})").model, "b");
  EXPECT_EQ(scan(R"({"mod\u0065l":"a"})").model, "a");
  EXPECT_EQ(scan(R"({"a_key_that_is_much_longer_than_thirty_two_bytes_model":1,"model":"x"})").model, "x");
}

TEST(BodyScanner, ResolvesEscapes) {
  EXPECT_EQ(scan(R"({"model":"a\/b\\c\"d\u00e9\ud83d\ude00"})").model, "a/b\\c\"d\xc3\xa9\xf0\x9f\x98\x80");
}

TEST(BodyScanner, KeepAliveMayBeANumber) { EXPECT_EQ(scan(R"({"keep_alive":-1})").keep_alive, "-1"); }

TEST(BodyScanner, ValuesOfTheWrongKindAreIgnored) {
  const RequestFields fields =
      scan(R"({"model":7,"stream":"yes","options":[1,{"num_gpu":2}],"stream_options":null})");
  EXPECT_EQ(fields.model, "");
  EXPECT_FALSE(fields.stream);
  EXPECT_FALSE(fields.num_gpu);
  EXPECT_FALSE(scan(R"({"options":{"num_gpu":1e300}})").num_gpu);
}

TEST(BodyScanner, AnEmptyOptionsObjectIsFine) {
  const RequestFields fields = scan(R"({"options":{},"model":"m"})");
  EXPECT_EQ(fields.model, "m");
}

TEST(BodyScanner, GivesUpQuietly) {
  for (const char* text :
       {"[1,2]", "nonsense", R"({"model" "x"})", R"({model:"x"})", R"({"a":,"model":"x"})", "\x1f\x8b\x08"}) {
    BodyScanner scanner;
    scanner.feed(text);
    EXPECT_TRUE(scanner.gave_up()) << text;
    EXPECT_EQ(scanner.fields().model, "") << text;
  }
}

TEST(BodyScanner, LongValuesAndDeepNestingStayBounded) {
  const std::string long_model = R"({"model":")" + std::string(100000, 'm') + "\"}";
  EXPECT_EQ(scan(long_model).model.size(), 256U);
  const std::string deep =
      R"({"x":)" + std::string(1000000, '[') + std::string(1000000, ']') + R"(,"model":"m"})";
  EXPECT_EQ(scan(deep).model, "m");
}

}  // namespace
}  // namespace tegrascope
