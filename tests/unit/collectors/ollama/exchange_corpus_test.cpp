// The decoder on answers that real servers gave.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/corpus.hpp"
#include "tests/unit/collectors/ollama/decoded_exchange.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::chunk;
using test::chunked_head;
using test::json_answer;
using test::request;

class RealBodyTest : public test::DecodedExchange {};

std::string corpus_file(const char* name) {
  const auto directory = test::corpus_directory("ollama-api");
  if (!directory) return {};
  std::ifstream file(*directory / name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

#define REAL_BODY_OR_SKIP(variable, name)         \
  const std::string variable = corpus_file(name); \
  if (variable.empty()) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS"

TEST_F(RealBodyTest, RealGenerateStream) {
  REAL_BODY_OR_SKIP(body, "generate-stream.ndjson");
  exchange_.feed_request(request("POST", "/api/generate", R"({"model":"gemma4"})"), at(1ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(body) + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 7U);
  EXPECT_EQ(ended().counts->done_reason, "stop");
  EXPECT_FALSE(ended().counts->output_tokens);
  EXPECT_EQ(ended().observation_error, "");
}

TEST_F(RealBodyTest, RealStreamThatFails) {
  REAL_BODY_OR_SKIP(body, "generate-stream-error.ndjson");
  exchange_.feed_request(request("POST", "/api/generate", R"({"model":"gemma4"})"), at(1ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(body) + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::error);
  EXPECT_EQ(ended().content_chunks, 4U);
}

TEST_F(RealBodyTest, RealBodiesThatAreNotStreamed) {
  REAL_BODY_OR_SKIP(body, "generate-gemma2-issue5843.json");
  exchange_.feed_request(
      request("POST", "/api/generate", R"({"model":"gemma2:9b-instruct-q4_0","stream":false})"), at(1ms));
  exchange_.feed_response(json_answer(200, body), at(2ms));
  EXPECT_EQ(ended().counts->output_tokens, 192);
  EXPECT_EQ(ended().counts->eval_duration, Nanoseconds(3209729000));
  EXPECT_EQ(ended().counts->load_duration, Nanoseconds(23975557));
  EXPECT_FALSE(ended().first_content);
}

TEST_F(RealBodyTest, OpenAiStreamWithUsage) {
  REAL_BODY_OR_SKIP(body, "openai-stream-usage-shape.sse");
  exchange_.feed_request(
      request("POST", "/v1/chat/completions",
              R"({"model":"gemma4","stream":true,"stream_options":{"include_usage":true}})"),
      at(1ms));
  exchange_.feed_response(chunked_head("text/event-stream") + chunk(body) + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 1U);
  EXPECT_EQ(ended().counts->prompt_tokens, 11);
  EXPECT_EQ(ended().counts->output_tokens, 18);
  EXPECT_TRUE(log_.all<RequestDescribed>()[0].streamed);
}

TEST_F(RealBodyTest, OpenAiStreamWithoutUsage) {
  REAL_BODY_OR_SKIP(body, "openai-stream-nousage-shape.sse");
  exchange_.feed_request(request("POST", "/v1/chat/completions", R"({"model":"qwen3:4b","stream":true})"),
                         at(1ms));
  exchange_.feed_response(chunked_head("text/event-stream") + chunk(body) + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 2U) << "reasoning counts as content";
  EXPECT_FALSE(ended().counts);
  EXPECT_EQ(ended().observation_error, "usage_missing");
}

TEST_F(RealBodyTest, AnthropicStream) {
  REAL_BODY_OR_SKIP(body, "anthropic-stream-shape.sse");
  exchange_.feed_request(request("POST", "/v1/messages", R"({"model":"gemma4","stream":true})"), at(1ms));
  exchange_.feed_response(chunked_head("text/event-stream") + chunk(body) + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 1U);
  EXPECT_EQ(ended().counts->prompt_tokens, 11);
  EXPECT_EQ(ended().counts->output_tokens, 18);
}

}  // namespace
}  // namespace tegrascope
