#include "collectors/ollama/stream_lines.hpp"

#include <gtest/gtest.h>

#include <string>

#include "collectors/ollama/final_counts.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

TEST(GlanceAtLine, OllamaContent) {
  const auto has_content = [](const char* json) { return glance_at_line(json, Dialect::ollama).content; };
  EXPECT_TRUE(has_content(R"({"response":"x","done":false})"));
  EXPECT_TRUE(has_content(R"({"response":"","thinking":"hm","done":false})"));
  EXPECT_TRUE(has_content(R"({"message":{"role":"assistant","content":"\""},"done":false})"));
  EXPECT_TRUE(has_content(R"({"message":{"role":"assistant","content":"","thinking":"a"},"done":false})"));
  EXPECT_TRUE(has_content(
      R"({"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false})"));
  EXPECT_FALSE(has_content(R"({"response":"","done":true})"));
  EXPECT_FALSE(has_content(R"({"message":{"role":"assistant","content":"","tool_calls":[ ]},"done":false})"));
  EXPECT_FALSE(has_content(R"({"model":"x","status":"\"response\":\"y\""})"));
}

TEST(GlanceAtLine, DoneMustBeAFieldOfTheObjectItself) {
  EXPECT_TRUE(glance_at_line(R"({"response":"","done": true})", Dialect::ollama).end);
  EXPECT_FALSE(glance_at_line(R"({"response":"{\"done\":true}","done":false})", Dialect::ollama).end);
  EXPECT_FALSE(
      glance_at_line(
          R"({"message":{"content":"","tool_calls":[{"function":{"arguments":{"done":true}}}]},"done":false})",
          Dialect::ollama)
          .end);
}

TEST(GlanceAtLine, OtherDialects) {
  EXPECT_TRUE(
      glance_at_line(R"({"choices":[{"index":0,"delta":{"content":"a"}}]})", Dialect::openai).content);
  EXPECT_TRUE(
      glance_at_line(R"({"choices":[{"index":0,"delta":{"content":"","reasoning":"a"}}]})", Dialect::openai)
          .content);
  EXPECT_TRUE(
      glance_at_line(R"({"choices":[{"text":"a","index":0}],"usage":{"prompt_tokens":0}})", Dialect::openai)
          .content);
  EXPECT_FALSE(glance_at_line(R"({"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})",
                              Dialect::openai)
                   .content);
  EXPECT_TRUE(glance_at_line(R"({"choices":[],"usage":{"prompt_tokens":1}})", Dialect::openai).counts);
  EXPECT_FALSE(glance_at_line(R"({"choices":[],"usage":null})", Dialect::openai).counts);
  EXPECT_TRUE(
      glance_at_line(R"({"type":"response.output_text.delta","delta":"a"})", Dialect::responses).content);
  EXPECT_FALSE(
      glance_at_line(R"({"type":"response.output_text.done","text":"abc"})", Dialect::responses).content);
  const LineFacts completed = glance_at_line(
      R"({"type":"response.completed","response":{"usage":{"input_tokens":1}}})", Dialect::responses);
  EXPECT_TRUE(completed.end);
  EXPECT_TRUE(completed.counts);
  EXPECT_TRUE(glance_at_line(R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}})",
                             Dialect::anthropic)
                  .content);
  EXPECT_TRUE(glance_at_line(R"({"type":"message_stop"})", Dialect::anthropic).end);
}

TEST(GlanceAtLine, Errors) {
  EXPECT_TRUE(glance_at_line(R"({"error":"model runner has unexpectedly stopped"})", Dialect::ollama).error);
  EXPECT_TRUE(glance_at_line(R"({"error":{"message":"x"}})", Dialect::openai).error);
  EXPECT_FALSE(glance_at_line(R"({"type":"response.created","error":null})", Dialect::responses).error);
}

TEST(GlanceAtLine, RemoteAnswers) {
  EXPECT_TRUE(
      glance_at_line(R"({"model":"a:cloud","remote_model":"a","remote_host":"https://ollama.com:443",)"
                     R"("message":{"content":"x"},"done":false})",
                     Dialect::ollama)
          .remote);
  EXPECT_FALSE(glance_at_line(R"({"remote_host":"","message":{"remote_host":"x"}})", Dialect::ollama).remote);
}

TEST(GlanceAtLine, LlamaCppsOwnDialect) {
  EXPECT_TRUE(glance_at_line(R"({"index":0,"content":"a","stop":false})", Dialect::llama_cpp).content);
  const LineFacts last =
      glance_at_line(R"({"content":"","generation_settings":{"stop":[]},"stop":true})", Dialect::llama_cpp);
  EXPECT_TRUE(last.end);
  EXPECT_TRUE(last.counts);
  EXPECT_FALSE(last.content);
}

TEST(GlanceAtLine, TextThatIsNoObjectIsMalformed) {
  for (const char* text : {"x", "[1]", "{\"a\":1", "{\"a", "{}x", "{\"a\":\"\\\"}"}) {
    EXPECT_TRUE(glance_at_line(text, Dialect::ollama).malformed) << text;
  }
  EXPECT_FALSE(glance_at_line(R"({"a":[1,{"b":"}"}]} )", Dialect::ollama).malformed);
}

TEST(StreamLines, CountsTheSameAtEveryCut) {
  const std::string text = test::chat_token("a") + test::chat_token("") + "\r\n" +
                           test::chat_token("\\u00e9") + std::string(test::kChatFinal);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    StreamLines lines(StreamFormat::ndjson, Dialect::ollama);
    unsigned content = 0;
    for (std::size_t at = 0; at < text.size(); at += piece)
      content += lines.feed(std::string_view(text).substr(at, piece));
    ASSERT_EQ(content, 2U) << piece;
    ASSERT_TRUE(lines.ended()) << piece;
    ASSERT_FALSE(lines.malformed_seen()) << piece;
    ASSERT_EQ(read_final_counts(lines.take_final()).counts->output_tokens, 3) << piece;
  }
}

TEST(StreamLines, SseWithCommentsAndMissingBlanks) {
  StreamLines lines(StreamFormat::sse, Dialect::openai);
  EXPECT_EQ(
      lines.feed(": ping\r\n\r\nevent: x\ndata:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n"), 1U);
  EXPECT_FALSE(lines.ended());
  lines.feed("data: {\"choices\":[],\"usage\":{\"completion_tokens\":5}}\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(lines.ended());
  EXPECT_EQ(read_final_counts(lines.take_final()).counts->output_tokens, 5);
}

TEST(StreamLines, TheEventLineTellsTheTypeOfALongObject) {
  // Ollama writes the events of /v1/responses from maps: "type" comes last, behind the whole answer.
  const std::string completed =
      R"({"response":{"output":[{"text":")" + std::string(200000, 'x') +
      R"("}],"usage":{"input_tokens":3,"output_tokens":4}},"type":"response.completed"})";
  StreamLines lines(StreamFormat::sse, Dialect::responses);
  lines.feed("event: response.output_text.delta\ndata: {\"delta\":\"a\",\"type\":\"x\"}\n\n");
  EXPECT_FALSE(lines.ended());
  lines.feed("event: response.completed\ndata: " + completed + "\n\n");
  EXPECT_TRUE(lines.ended());
  EXPECT_EQ(read_final_counts(lines.take_final()).counts->output_tokens, 4);
}

TEST(StreamLines, TheLastLineMayLackItsNewline) {
  StreamLines lines(StreamFormat::sse, Dialect::openai);
  lines.feed("data: [DONE]");
  EXPECT_FALSE(lines.ended());
  EXPECT_EQ(lines.finish(), 0U);
  EXPECT_TRUE(lines.ended());
  StreamLines cut(StreamFormat::ndjson, Dialect::ollama);
  cut.feed(R"({"response":"a)");
  cut.finish();
  EXPECT_FALSE(cut.malformed_seen()) << "a line that was cut is no line";
}

TEST(StreamLines, ErrorsOfOlderLlamaServers) {
  StreamLines lines(StreamFormat::sse, Dialect::openai);
  lines.feed("error: {\"code\":500,\"message\":\"x\"}\n\n");
  EXPECT_TRUE(lines.error_seen());
}

TEST(StreamLines, ALineOverTheBoundEndsObservation) {
  StreamLines lines(StreamFormat::ndjson, Dialect::ollama);
  const std::string piece(1024 * 1024, 'x');
  for (int i = 0; i < 8; ++i) lines.feed(piece);
  EXPECT_FALSE(lines.oversize());
  lines.feed("x");
  EXPECT_TRUE(lines.oversize());
  EXPECT_EQ(lines.feed(test::chat_token("a")), 0U);
}

TEST(StreamLines, AFinalObjectWithALongContextIsRead) {
  std::string context = "1";
  for (int i = 0; i < 100000; ++i) context += ",12345";
  const std::string line = R"({"model":"m","response":"","done":true,"done_reason":"stop","context":[)" +
                           context + R"(],"total_duration":5,"eval_count":9,"eval_duration":4})" + "\n";
  StreamLines lines(StreamFormat::ndjson, Dialect::ollama);
  lines.feed(line);
  EXPECT_TRUE(lines.ended());
  EXPECT_FALSE(lines.malformed_seen());
  const FinalReading reading = read_final_counts(lines.take_final());
  ASSERT_TRUE(reading.counts);
  EXPECT_EQ(reading.counts->output_tokens, 9);
  EXPECT_EQ(reading.counts->eval_duration, Nanoseconds(4));
}

TEST(FinalCounts, UsageOfEachDialect) {
  const auto counts = [](const char* json) { return read_final_counts(json).counts.value(); };
  EXPECT_EQ(
      counts(R"({"usage":{"prompt_tokens":11,"completion_tokens":18,"total_tokens":29}})").output_tokens, 18);
  EXPECT_EQ(
      counts(R"({"type":"message_delta","usage":{"input_tokens":11,"output_tokens":18}})").prompt_tokens, 11);
  EXPECT_EQ(
      counts(
          R"({"type":"response.completed","response":{"output":[{"x":1}],"usage":{"input_tokens":3,"output_tokens":4,)"
          R"("output_tokens_details":{"reasoning_tokens":2}}}})")
          .output_tokens,
      4);
}

TEST(FinalCounts, CachedTokensOfAnthropicAreInputToo) {
  const auto counts =
      read_final_counts(
          R"({"usage":{"input_tokens":3,"cache_read_input_tokens":40,"cache_creation_input_tokens":2,"output_tokens":4}})")
          .counts.value();
  EXPECT_EQ(counts.prompt_tokens, 45);
}

TEST(FinalCounts, TimingsOfLlamaServer) {
  const auto counts =
      read_final_counts(
          R"({"choices":[],"timings":{"cache_n":236,"prompt_n":1,"prompt_ms":30.958,"predicted_n":35,"predicted_ms":661.064}})")
          .counts.value();
  EXPECT_EQ(counts.prompt_tokens, 237) << "cached tokens are tokens of the prompt";
  EXPECT_EQ(counts.output_tokens, 35);
  EXPECT_EQ(counts.prompt_eval_duration, Nanoseconds(30958000));
  EXPECT_EQ(counts.eval_duration, Nanoseconds(661064000));
  const auto both =
      read_final_counts(
          R"({"timings":{"prompt_n":1,"predicted_n":2,"predicted_ms":5},"usage":{"prompt_tokens":9,"completion_tokens":8}})")
          .counts.value();
  EXPECT_EQ(both.prompt_tokens, 9);
  EXPECT_EQ(both.output_tokens, 8);
  const auto unknown = read_final_counts(R"({"timings":{"prompt_n":-1,"prompt_ms":-1,"predicted_n":4}})");
  ASSERT_TRUE(unknown.counts);
  EXPECT_FALSE(unknown.counts->prompt_eval_duration);
  EXPECT_EQ(unknown.counts->output_tokens, 4);
}

TEST(FinalCounts, AUsageOfZerosBesideContentIsNone) {
  RequestEnded ended;
  ended.content_chunks = 3;
  complete_from_final(ended, R"({"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}})");
  EXPECT_FALSE(ended.counts);
}

TEST(FinalCounts, AbsentIsNotZero) {
  const FinalReading embedding = read_final_counts(R"({"embedding":[0.1,-2e-3]})");
  EXPECT_FALSE(embedding.malformed);
  EXPECT_FALSE(embedding.counts);
  const auto counts = read_final_counts(R"({"done":true,"done_reason":"load"})").counts.value();
  EXPECT_EQ(counts.done_reason, "load");
  EXPECT_FALSE(counts.total_duration);
  EXPECT_FALSE(counts.output_tokens);
}

TEST(FinalCounts, OddTextDoesNotThrow) {
  for (const char* text : {"", "[1]", "{", "{\"eval_count\":1", "nul", "\xff"})
    EXPECT_TRUE(read_final_counts(text).malformed) << text;
  EXPECT_TRUE(read_final_counts(R"({"error":"x"})").error);
  EXPECT_TRUE(read_final_counts(R"({"error":{"message":"x"}})").error);
  EXPECT_FALSE(read_final_counts(R"({"eval_count":1e300})").counts);
  EXPECT_FALSE(read_final_counts(R"({"eval_count":-4,"message":{"eval_count":3}})").counts);
}

TEST(FinalCounts, AnImpossibleFigureIsLeftOutAndTold) {
  for (const char* value : {"9223372036854775807", "18446744073709551615", "1e300", "-5"}) {
    RequestEnded ended;
    complete_from_final(ended, std::string(R"({"done":true,"eval_count":20,"load_duration":)") + value + "}");
    ASSERT_TRUE(ended.counts) << value;
    EXPECT_EQ(ended.counts->output_tokens, 20) << value;
    EXPECT_FALSE(ended.counts->load_duration) << value;
    EXPECT_EQ(ended.observation_error, "range") << value;
  }
}

}  // namespace
}  // namespace tegrascope
