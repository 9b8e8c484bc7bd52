// The decoder on every API that a server speaks, and on answers that are odd in each.
#include <gtest/gtest.h>

#include "agent/model/ollama.hpp"
#include "tests/unit/collectors/ollama/decoded_exchange.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::chunk;
using test::chunked_head;
using test::json_answer;
using test::request;

class DialectTest : public test::DecodedExchange {
 protected:
  RequestDescribed described() const {
    const auto all = log_.all<RequestDescribed>();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? RequestDescribed{} : all.front();
  }
  void ask(const char* target, std::string_view body) {
    exchange_.feed_request(request("POST", target, body), at(1ms));
  }
  void answer_stream(std::string_view content_type, std::string_view payload) {
    exchange_.feed_response(chunked_head(content_type) + chunk(payload) + std::string(test::kLastChunk),
                            at(9ms));
  }
};

TEST_F(DialectTest, WhatTheRequestAsksFor) {
  ask("/api/generate",
      R"({"model":"m","prompt":"p","keep_alive":"10m","options":{"num_gpu":12,"num_predict":64,"num_ctx":2048}})");
  EXPECT_EQ(described().gpu_layers, 12);
  EXPECT_EQ(described().num_predict, 64);
  EXPECT_EQ(described().context_length, 2048);
  EXPECT_EQ(described().keep_alive, "10m");
  EXPECT_TRUE(described().streamed);
  EXPECT_FALSE(described().remote);
}

TEST_F(DialectTest, OpenAiDoesNotStreamByDefault) {
  ask("/v1/chat/completions", R"({"model":"m","messages":[]})");
  EXPECT_FALSE(described().streamed);
  exchange_.feed_response(
      json_answer(
          200,
          R"({"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":5,"completion_tokens":6}})"),
      at(2ms));
  EXPECT_EQ(ended().counts->prompt_tokens, 5);
  EXPECT_EQ(ended().counts->output_tokens, 6);
}

TEST_F(DialectTest, OpenAiToolCallsAndReasoningAreContent) {
  ask("/v1/chat/completions", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                "data: {\"choices\":[{\"delta\":{\"content\":\"\",\"reasoning_content\":\"h\"}}]}\n\n"
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(ended().content_chunks, 2U);
  EXPECT_EQ(ended().observation_error, "usage_missing");
}

TEST_F(DialectTest, OpenAiErrorInsideTheStream) {
  ask("/v1/chat/completions", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
                "data: {\"error\":{\"message\":\"x\",\"type\":\"api_error\"}}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(ended().outcome, Outcome::error);
  EXPECT_EQ(ended().status_code, 200);
}

// A runner that dies under Ollama's /v1: an empty chunk, then the end without [DONE].
TEST_F(DialectTest, OpenAiStreamThatJustEnds) {
  ask("/v1/chat/completions", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
                "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n");
  EXPECT_EQ(ended().outcome, Outcome::upstream_aborted);
  EXPECT_FALSE(ended().counts);
}

TEST_F(DialectTest, CompletionsWithUsageInEveryChunk) {
  const std::string zero =
      "data: {\"choices\":[{\"text\":\"a\"}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n";
  ask("/v1/completions", R"({"model":"m","stream":true,"stream_options":{"include_usage":true}})");
  exchange_.feed_response(chunked_head("text/event-stream") + chunk(zero + zero), at(2ms));
  exchange_.client_closed(at(3ms));
  EXPECT_EQ(ended().content_chunks, 2U);
  EXPECT_FALSE(ended().counts) << "zeros beside content are no usage";
}

TEST_F(DialectTest, Responses) {
  ask("/v1/responses", R"({"model":"m","input":"hi","stream":true})");
  answer_stream(
      "text/event-stream",
      "event: response.created\ndata: {\"response\":{\"usage\":null},\"type\":\"response.created\"}\n\n"
      "event: response.reasoning_summary_text.delta\ndata: {\"delta\":\"h\",\"type\":\"r\"}\n\n"
      "event: response.output_text.delta\ndata: {\"delta\":\"a\",\"type\":\"o\"}\n\n"
      "event: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":7,"
      "\"output_tokens\":8,\"output_tokens_details\":{\"reasoning_tokens\":3}}},"
      "\"type\":\"response.completed\"}\n\n");
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 2U);
  EXPECT_EQ(ended().counts->prompt_tokens, 7);
  EXPECT_EQ(ended().counts->output_tokens, 8);
  EXPECT_EQ(ended().observation_error, "");
}

TEST_F(DialectTest, ResponsesThatFail) {
  for (const char* event :
       {"event: error\ndata: {\"type\":\"error\",\"message\":\"x\"}\n\n",
        "event: response.failed\ndata: {\"response\":{\"error\":{}},\"type\":\"response.failed\"}\n\n"}) {
    test::EventLog log;
    const ExchangeContext context{Witness::relay, "s", ids_, log.sink(), {}};
    Exchange exchange(context);
    exchange.feed_request(request("POST", "/v1/responses", R"({"model":"m","stream":true})"), at(1ms));
    exchange.feed_response(chunked_head("text/event-stream") + chunk(event) + std::string(test::kLastChunk),
                           at(2ms));
    EXPECT_EQ(log.ended().at(0).outcome, Outcome::error) << event;
  }
}

constexpr const char* kMessageStart =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,"
    "\"output_tokens\":0}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n";
constexpr const char* kThinkingDelta =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"thinking_delta\",\"thinking\":\"h\"}}\n\n";
constexpr const char* kToolDelta =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
    "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}}\n\n";

TEST_F(DialectTest, AnthropicTakesThePromptFromTheStartWhereTheEndLacksIt) {
  ask("/v1/messages", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                std::string(kMessageStart) + kThinkingDelta + kToolDelta +
                    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":"
                    "{\"output_tokens\":18}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 2U) << "a ping is no content";
  EXPECT_EQ(ended().counts->prompt_tokens, 9);
  EXPECT_EQ(ended().counts->output_tokens, 18);
}

TEST_F(DialectTest, AnAnthropicStreamThatIsCutHasNoCounts) {
  ask("/v1/messages", R"({"model":"m","stream":true})");
  exchange_.feed_response(
      chunked_head("text/event-stream") + chunk(std::string(kMessageStart) + kThinkingDelta), at(2ms));
  exchange_.client_closed(at(3ms));
  EXPECT_EQ(ended().outcome, Outcome::client_aborted);
  EXPECT_FALSE(ended().counts) << "an estimate made before the prompt was read";
}

TEST_F(DialectTest, AnthropicErrorEvent) {
  ask("/v1/messages", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                std::string(kMessageStart) +
                    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n");
  EXPECT_EQ(ended().outcome, Outcome::error);
}

// Ollama notices the FIN of a client that leaves, cancels its work and ends the answer in order.
TEST_F(DialectTest, AStreamThatEndsEarlyAfterItsClientsFinWasLeftByIt) {
  ask("/api/chat", R"({"model":"m"})");
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(test::chat_token("a")), at(2ms));
  exchange_.client_finished(at(3ms));
  exchange_.feed_response(chunk("{\"error\":\"context canceled\"}\n") + std::string(test::kLastChunk),
                          at(4ms));
  EXPECT_EQ(ended().outcome, Outcome::client_aborted);
  EXPECT_EQ(ended().status_code, 499);
}

TEST_F(DialectTest, EmbeddingsOfEachKind) {
  exchange_.feed_request(request("POST", "/api/embed", R"({"model":"e","input":["a"]})") +
                             request("POST", "/api/embeddings", R"({"model":"e","prompt":"a"})") +
                             request("POST", "/v1/embeddings", R"({"model":"e","input":"a"})"),
                         at(1ms));
  exchange_.feed_response(
      json_answer(200,
                  R"({"embeddings":[[0.1]],"total_duration":5,"load_duration":2,"prompt_eval_count":3})") +
          json_answer(200, R"({"embedding":[0.1,0.2]})") +
          json_answer(200, R"({"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":4,"total_tokens":4}})"),
      at(2ms));
  const auto ends = log_.ended();
  ASSERT_EQ(ends.size(), 3U);
  EXPECT_EQ(ends[0].counts->prompt_tokens, 3);
  EXPECT_EQ(ends[0].counts->load_duration, 2ns);
  EXPECT_FALSE(ends[1].counts);
  EXPECT_EQ(ends[1].observation_error, "") << "the old route has no figures: nothing is wrong";
  EXPECT_EQ(ends[2].counts->prompt_tokens, 4);
  EXPECT_FALSE(ends[2].counts->output_tokens);
}

TEST_F(DialectTest, RequestsThatOnlyLoadOrUnload) {
  exchange_.feed_request(request("POST", "/api/generate", R"({"model":"m"})") +
                             request("POST", "/api/chat", R"({"model":"m","messages":[],"keep_alive":0})"),
                         at(1ms));
  exchange_.feed_response(
      json_answer(200, R"({"model":"m","response":"","done":true,"done_reason":"load"})") +
          json_answer(200, R"({"message":{},"done":true,"done_reason":"unload"})"),
      at(2ms));
  const auto ends = log_.ended();
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].counts->done_reason, "load");
  EXPECT_EQ(ends[1].counts->done_reason, "unload");
  EXPECT_EQ(log_.all<RequestDescribed>()[1].keep_alive, "0");
}

TEST_F(DialectTest, StatusesOfRefusal) {
  for (const int status : {499, 500, 502, 503}) {
    test::EventLog log;
    const ExchangeContext context{Witness::relay, "s", ids_, log.sink(), {}};
    Exchange exchange(context);
    exchange.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
    exchange.feed_response(json_answer(status, R"({"error":"server busy"})"), at(2ms));
    EXPECT_EQ(log.ended().at(0).outcome, Outcome::error) << status;
    EXPECT_EQ(log.ended().at(0).status_code, status);
    EXPECT_EQ(log.ended().at(0).observation_error, "");
  }
}

TEST_F(DialectTest, AnEncodedRequestIsDescribedByItsAnswer) {
  exchange_.feed_request(request("POST", "/v1/responses", "\x28\xb5\x2f\xfd", "Content-Encoding: zstd\r\n"),
                         at(1ms));
  EXPECT_TRUE(log_.all<RequestDescribed>().empty());
  answer_stream("text/event-stream",
                "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n"
                "event: response.completed\ndata: {\"response\":{\"usage\":"
                "{\"output_tokens\":2}},\"type\":\"response.completed\"}\n\n");
  EXPECT_TRUE(described().streamed);
  EXPECT_EQ(described().model, "");
  EXPECT_EQ(ended().counts->output_tokens, 2);
  EXPECT_EQ(ended().observation_error, "encoding");
}

TEST_F(DialectTest, ACloudModelIsToldByItsName) {
  ask("/v1/chat/completions", R"({"model":"gpt-oss:120b-cloud"})");
  EXPECT_TRUE(described().remote);
  exchange_.feed_response(json_answer(200, R"({"usage":{"prompt_tokens":5,"completion_tokens":6}})"),
                          at(2ms));
  EXPECT_TRUE(ended().remote);
  for (const char* name : {"kimi:cloud", "a/b:1t-cloud"}) EXPECT_TRUE(is_cloud_name(name)) << name;
  for (const char* name : {"cloud", "cloud:7b", "x:-cloud", "x:cloudy", "cloud-x:7b-q4"})
    EXPECT_FALSE(is_cloud_name(name)) << name;
}

TEST_F(DialectTest, ARemoteModelIsToldByItsAnswer) {
  const std::string remote = R"("remote_model":"big","remote_host":"https://ollama.com:443",)";
  ask("/api/chat", R"({"model":"alias"})");
  EXPECT_FALSE(described().remote);
  answer_stream("application/x-ndjson",
                "{\"model\":\"alias\"," + remote + "\"message\":{\"content\":\"a\"},\"done\":false}\n{" +
                    remote + "\"message\":{\"content\":\"\"},\"done\":true,\"eval_count\":1}\n");
  ASSERT_FALSE(log_.all<RequestProgress>().empty());
  EXPECT_TRUE(log_.all<RequestProgress>()[0].remote) << "known before anything is booked";
  EXPECT_TRUE(ended().remote);
  EXPECT_EQ(ended().counts->output_tokens, 1);
}

TEST_F(DialectTest, ARemoteModelThatDoesNotStream) {
  ask("/api/generate", R"({"model":"alias","stream":false})");
  exchange_.feed_response(json_answer(200, R"({"remote_host":"https://h","response":"x","done":true})"),
                          at(2ms));
  EXPECT_TRUE(ended().remote);
}

TEST_F(DialectTest, LlamaServersOwnCompletion) {
  context_.kind = UpstreamKind::openai;
  ask("/completion", R"({"prompt":"p","stream":true,"n_predict":2})");
  answer_stream(
      "text/event-stream",
      "data: {\"index\":0,\"content\":\"a\",\"tokens\":[1],\"stop\":false}\n\n"
      "data: {\"index\":0,\"content\":\"b\",\"tokens\":[2],\"stop\":false}\n\n"
      "data: {\"index\":0,\"content\":\"\",\"stop\":true,\"tokens_predicted\":2,\"tokens_evaluated\":7,"
      "\"timings\":{\"prompt_n\":7,\"prompt_ms\":12.5,\"predicted_n\":2,\"predicted_ms\":40.25}}\n\n");
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().content_chunks, 2U);
  EXPECT_EQ(ended().counts->prompt_tokens, 7);
  EXPECT_EQ(ended().counts->output_tokens, 2);
  EXPECT_EQ(ended().counts->prompt_eval_duration, 12500us);
  EXPECT_EQ(ended().counts->eval_duration, 40250us);
}

TEST_F(DialectTest, LlamaServersTimingsStandInForUsage) {
  context_.kind = UpstreamKind::openai;
  ask("/v1/chat/completions", R"({"model":"m","stream":true})");
  answer_stream("text/event-stream",
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
                "data: {\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{}}],\"timings\":{\"prompt_n\":3,"
                "\"prompt_ms\":1.0,\"predicted_n\":1,\"predicted_ms\":2.0}}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(ended().observation_error, "");
  EXPECT_EQ(ended().counts->output_tokens, 1);
  EXPECT_EQ(ended().counts->eval_duration, 2ms);
}

TEST_F(DialectTest, LlamaServersEmbeddingsAreAList) {
  context_.kind = UpstreamKind::openai;
  ask("/embedding", R"({"content":"x"})");
  exchange_.feed_response(json_answer(200, R"([{"index":0,"embedding":[[0.1]]}])"), at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().observation_error, "");
}

TEST_F(DialectTest, WithoutEndPipelinedRequestsAreNotFollowed) {
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += request("GET", "/api/version");
  exchange_.feed_request(requests, at(1ms));
  EXPECT_TRUE(exchange_.lost());
  EXPECT_LE(exchange_.in_flight(), 256U);
}

}  // namespace
}  // namespace tegrascope
