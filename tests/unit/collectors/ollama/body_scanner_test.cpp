#include "collectors/ollama/body_scanner.hpp"

#include <gtest/gtest.h>

#include <chrono>
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

TEST(BodyScanner, FoldsLettersAsGoDoes) {
  EXPECT_EQ(scan("{\"\u017ftream\":false}").stream, false) << "long s";
  EXPECT_EQ(scan("{\"\u212aeep_alive\":\"1h\"}").keep_alive, "1h") << "Kelvin sign";
  EXPECT_EQ(scan(R"({"\u017fTREAM":false})").stream, false);
  EXPECT_EQ(scan(R"({"models":"a","mode":"b","xmodel":"c"})").model, "");
}

TEST(BodyScanner, OptionsAreAMapWhoseKeysMatchExactly) {
  const RequestFields fields = scan(R"({"OPTIONS":{"NUM_GPU":0,"num_ctx":1024,"num_ctx":2048}})");
  EXPECT_FALSE(fields.num_gpu);
  EXPECT_EQ(fields.num_ctx, 2048);
}

TEST(BodyScanner, RepeatedObjectsAreMergedAndNullTakesThemBack) {
  const RequestFields merged = scan(R"({"options":{"num_gpu":0,"num_ctx":1},"options":{"num_ctx":2}})");
  EXPECT_EQ(merged.num_gpu, 0);
  EXPECT_EQ(merged.num_ctx, 2);
  EXPECT_FALSE(scan(R"({"options":{"num_gpu":0},"options":null})").num_gpu);
  EXPECT_FALSE(scan(R"({"options":{"num_gpu":0,"num_gpu":null}})").num_gpu);
  EXPECT_FALSE(scan(R"({"stream":false,"stream":null})").stream);
  EXPECT_EQ(scan(R"({"keep_alive":"5m","keep_alive":null})").keep_alive, "");
  EXPECT_EQ(scan(R"({"model":"a","model":null})").model, "a") << "null leaves a string as it was";
}

TEST(BodyScanner, BackslashesAtEveryCut) {
  const std::string text = R"({"prompt":"\\\"\\","messages":[["\"]","\\"],{"a\"":1}],"model":"x\\"})";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    for (std::size_t second = cut; second <= text.size(); ++second) {
      BodyScanner scanner;
      scanner.feed(std::string_view(text).substr(0, cut));
      scanner.feed(std::string_view(text).substr(cut, second - cut));
      scanner.feed(std::string_view(text).substr(second));
      ASSERT_EQ(scanner.fields().model, "x\\") << cut << ' ' << second;
      ASSERT_TRUE(scanner.complete());
    }
  }
}

// An image must cost no more than a pass over its bytes: a byte-wise scan is ten times slower than memchr.
TEST(BodyScanner, ImagesPassAtTheSpeedOfMemory) {
  std::string body = R"({"model":"m","images":[")" + std::string(64 << 20, 'A') + R"("],"stream":false})";
  BodyScanner scanner;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t at = 0; at < body.size(); at += 16384)
    scanner.feed(std::string_view(body).substr(at, 16384));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(scanner.fields().stream, false);
  std::printf("64 MiB of base64 scanned in %.1f ms\n", seconds * 1e3);
  EXPECT_LT(seconds, 0.5) << "loose, for slow and loaded machines";
}

TEST(BodyScanner, ResolvesEscapes) {
  EXPECT_EQ(scan(R"({"model":"a\/b\\c\"d\u00e9\ud83d\ude00"})").model, "a/b\\c\"d\xc3\xa9\xf0\x9f\x98\x80");
}

TEST(BodyScanner, KeepAliveMayBeANumber) { EXPECT_EQ(scan(R"({"keep_alive":-1})").keep_alive, "-1"); }

TEST(BodyScanner, AKeepAliveThatIsNoDurationIsNotKept) {
  EXPECT_EQ(scan(R"({"keep_alive":"-1h30m5.5s"})").keep_alive, "-1h30m5.5s");
  EXPECT_EQ(scan(R"({"keep_alive":"250µs"})").keep_alive, "250µs");
  for (const char* text : {"secret", "5 minutes", "m", "5m; my password is x"})
    EXPECT_EQ(scan(std::string(R"({"keep_alive":")") + text + "\"}").keep_alive, "") << text;
}

TEST(BodyScanner, ValuesOfTheWrongKindAreIgnored) {
  const RequestFields fields =
      scan(R"({"model":7,"stream":"yes","options":[1,{"num_gpu":2}],"stream_options":null})");
  EXPECT_FALSE(scan(R"({"options":{"num_gpu":"5"}})").num_gpu);
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
