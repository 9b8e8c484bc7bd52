#include <gtest/gtest.h>

#include <random>

#include "tests/unit/collectors/ollama/decoded_exchange.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::chat_token;
using test::chunk;
using test::chunked_head;
using test::json_answer;
using test::request;

class ExchangeTest : public test::DecodedExchange {};

TEST_F(ExchangeTest, AStreamedChat) {
  exchange_.feed_request(
      request("POST", "/api/chat", R"({"model":"qwen2.5:7b","messages":[],"options":{"num_gpu":0}})"),
      at(100ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(chat_token("a")), at(500ms));
  exchange_.feed_response(chunk(chat_token("b")), at(550ms));
  exchange_.feed_response(chunk(chat_token("c")), at(650ms));
  exchange_.feed_response(chunk(test::kChatFinal) + std::string(test::kLastChunk), at(660ms));

  const auto started = log_.all<RequestStarted>();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(started[0].endpoint, "/api/chat");
  EXPECT_EQ(started[0].operation, Operation::chat);
  EXPECT_EQ(started[0].witness, Witness::relay);
  EXPECT_EQ(started[0].server, "127.0.0.1:11434");
  EXPECT_EQ(started[0].at, at(100ms));
  const auto described = log_.all<RequestDescribed>();
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].id, started[0].id);
  EXPECT_EQ(described[0].model, "qwen2.5:7b");
  EXPECT_TRUE(described[0].streamed) << "absent stream means true";
  EXPECT_EQ(described[0].gpu_layers, 0);
  const auto progress = log_.all<RequestProgress>();
  ASSERT_EQ(progress.size(), 1U) << "the first content, then at most every 400 ms";
  EXPECT_EQ(progress[0].first_content, at(500ms));
  EXPECT_EQ(progress[0].content_chunks, 1U);

  const RequestEnded end = ended();
  EXPECT_EQ(end.outcome, Outcome::ok);
  EXPECT_EQ(end.status_code, 200);
  EXPECT_EQ(end.at, at(660ms));
  EXPECT_EQ(end.first_content, at(500ms));
  EXPECT_EQ(end.content_chunks, 3U);
  EXPECT_EQ(end.chunk_gaps.count(), 2U);
  EXPECT_NEAR(end.chunk_gaps.sum(), 0.15, 1e-9);
  ASSERT_TRUE(end.counts);
  EXPECT_EQ(end.counts->output_tokens, 3);
  EXPECT_EQ(end.counts->prompt_tokens, 12);
  EXPECT_EQ(end.counts->eval_duration, 700ms);
  EXPECT_EQ(end.counts->done_reason, "stop");
  EXPECT_EQ(end.observation_error, "");
  EXPECT_EQ(exchange_.in_flight(), 0U);
}

TEST_F(ExchangeTest, ProgressCarriesTotalsAndTheGapsSinceTheLast) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(0ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(chat_token("a")), at(1000ms));
  for (int i = 1; i <= 5; ++i) exchange_.feed_response(chunk(chat_token("b")), at(1000ms + i * 200ms));
  const auto progress = log_.all<RequestProgress>();
  ASSERT_EQ(progress.size(), 3U);  // at 1000, 1400, 1800
  EXPECT_EQ(progress[2].content_chunks, 5U);
  EXPECT_EQ(progress[2].chunk_gaps.count(), 2U);
  exchange_.client_closed(at(3000ms));
  EXPECT_EQ(ended().content_chunks, 6U);
  EXPECT_EQ(ended().chunk_gaps.count(), 1U);
}

TEST_F(ExchangeTest, TheSameAtEveryCutOfBothDirections) {
  const std::string asked = request("POST", "/api/chat", R"({"model":"qwen2.5:7b","stream":true})");
  const std::string answered = chunked_head("application/x-ndjson") + chunk(chat_token("a")) +
                               chunk(chat_token("b") + chat_token("c")) + chunk(test::kChatFinal) +
                               std::string(test::kLastChunk);
  for (std::size_t cut = 1; cut < answered.size(); ++cut) {
    test::EventLog log;
    const ExchangeContext context{Witness::relay, "s", ids_, log.sink(), {}};
    Exchange exchange(context);
    const std::size_t request_cut = cut % asked.size();
    exchange.feed_request(std::string_view(asked).substr(0, request_cut), at(1ms));
    exchange.feed_request(std::string_view(asked).substr(request_cut), at(1ms));
    exchange.feed_response(std::string_view(answered).substr(0, cut), at(2ms));
    exchange.feed_response(std::string_view(answered).substr(cut), at(3ms));
    ASSERT_EQ(log.ended().size(), 1U) << cut;
    const RequestEnded end = log.ended()[0];
    ASSERT_EQ(end.outcome, Outcome::ok) << cut;
    ASSERT_EQ(end.content_chunks, 3U) << cut;
    ASSERT_EQ(end.counts->output_tokens, 3) << cut;
    ASSERT_EQ(log.all<RequestDescribed>()[0].model, "qwen2.5:7b") << cut;
  }
}

TEST_F(ExchangeTest, PipelinedRequestsAreAnsweredInOrder) {
  exchange_.feed_request(request("POST", "/api/generate", R"({"model":"a","stream":false})") +
                             request("GET", "/api/ps") +
                             request("POST", "/api/embed", R"({"model":"b","input":"x"})"),
                         at(1ms));
  EXPECT_EQ(exchange_.in_flight(), 3U);
  exchange_.feed_response(json_answer(200, R"({"response":"x","done":true,"eval_count":7})") +
                              json_answer(200, R"({"models":[]})") +
                              json_answer(200, R"({"embeddings":[[1]],"prompt_eval_count":4})"),
                          at(9ms));
  const auto all = log_.ended();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].counts->output_tokens, 7);
  EXPECT_EQ(all[1].counts->prompt_tokens, 4);
  EXPECT_EQ(log_.all<RequestStarted>()[1].operation, Operation::embed);
  EXPECT_FALSE(log_.all<RequestDescribed>()[0].streamed);
  EXPECT_FALSE(log_.all<RequestDescribed>()[1].streamed);
}

TEST_F(ExchangeTest, OtherRoutesPassUnobserved) {
  exchange_.feed_request(
      request("HEAD", "/") + request("GET", "/api/tags") + request("POST", "/api/pull", R"({"model":"m"})"),
      at(1ms));
  exchange_.feed_response("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", at(2ms));
  EXPECT_EQ(exchange_.in_flight(), 2U) << "the answer to HEAD has no body";
  exchange_.feed_response(json_answer(200, "{}") + chunked_head("application/x-ndjson") + chunk("{}\n") +
                              std::string(test::kLastChunk),
                          at(3ms));
  EXPECT_EQ(exchange_.in_flight(), 0U);
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(ExchangeTest, AContinueIsNotTheAnswer) {
  const std::string body = R"({"model":"m","stream":false})";
  exchange_.feed_request("POST /api/chat HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n",
                         at(1ms));
  exchange_.feed_response("HTTP/1.1 100 Continue\r\n\r\n", at(2ms));
  exchange_.feed_request(body, at(3ms));
  exchange_.feed_response(json_answer(200, R"({"done":true,"eval_count":2})"), at(4ms));
  EXPECT_EQ(ended().counts->output_tokens, 2);
  EXPECT_EQ(log_.all<RequestDescribed>()[0].model, "m");
}

TEST_F(ExchangeTest, AChunkedRequestBody) {
  exchange_.feed_request("POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             chunk(R"({"mod)") + chunk(R"(el":"m"})") + std::string(test::kLastChunk),
                         at(1ms));
  EXPECT_EQ(log_.all<RequestDescribed>()[0].model, "m");
}

TEST_F(ExchangeTest, AnErrorStatus) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"nosuch"})"), at(1ms));
  exchange_.feed_response(json_answer(404, R"({"error":"model 'nosuch' not found"})"), at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::error);
  EXPECT_EQ(ended().status_code, 404);
  EXPECT_EQ(ended().observation_error, "");
}

TEST_F(ExchangeTest, AnErrorLineInsideA200) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(chat_token("a")) +
                              chunk("{\"error\":\"runner died\"}\n") + std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::error);
  EXPECT_EQ(ended().status_code, 200);
  EXPECT_EQ(ended().content_chunks, 1U);
}

TEST_F(ExchangeTest, AStreamWithoutItsFinalObjectWasCut) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(
      chunked_head("application/x-ndjson") + chunk(chat_token("a")) + std::string(test::kLastChunk), at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::upstream_aborted);
  EXPECT_FALSE(ended().counts);
}

TEST_F(ExchangeTest, TheClientLeaves) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.client_closed(at(5ms));
  EXPECT_EQ(ended().outcome, Outcome::client_aborted);
  EXPECT_EQ(ended().status_code, 499);
  EXPECT_EQ(ended().at, at(5ms));
}

TEST_F(ExchangeTest, AHalfClosedClientMayStillGetItsAnswer) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m","stream":false})"), at(1ms));
  exchange_.client_finished(at(2ms));
  EXPECT_TRUE(log_.ended().empty());
  exchange_.feed_response(json_answer(200, R"({"done":true,"eval_count":2})"), at(3ms));
  exchange_.upstream_closed(at(4ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
}

TEST_F(ExchangeTest, AServerThatDropsAHalfClosedClientWasLeftByIt) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.client_finished(at(2ms));
  exchange_.upstream_closed(at(3ms));
  EXPECT_EQ(ended().outcome, Outcome::client_aborted);
  EXPECT_EQ(ended().status_code, 499);
}

TEST_F(ExchangeTest, TheServerCutsTheAnswer) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk(chat_token("a")), at(2ms));
  exchange_.upstream_closed(at(3ms));
  EXPECT_EQ(ended().outcome, Outcome::upstream_aborted);
  EXPECT_EQ(ended().status_code, 200);
}

TEST_F(ExchangeTest, AnAnswerThatEndsWithItsConnection) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(
      "HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n" + std::string(test::kChatFinal),
      at(2ms));
  EXPECT_TRUE(log_.ended().empty());
  exchange_.upstream_closed(at(3ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().counts->output_tokens, 3);
}

TEST_F(ExchangeTest, EncodedBodiesAreNotUnderstood) {
  exchange_.feed_request(request("POST", "/v1/responses", "\x28\xb5\x2f\xfd", "Content-Encoding: zstd\r\n"),
                         at(1ms));
  exchange_.feed_response(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: "
      "3\r\n\r\n\x1f\x8b\x08",
      at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().observation_error, "encoding");
  EXPECT_FALSE(ended().counts);
}

TEST_F(ExchangeTest, AMalformedLineIsCountedAndTheRestIsRead) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(chunked_head("application/x-ndjson") + chunk("{\"broken\n") +
                              chunk(chat_token("a")) + chunk(test::kChatFinal) +
                              std::string(test::kLastChunk),
                          at(2ms));
  EXPECT_EQ(ended().outcome, Outcome::ok);
  EXPECT_EQ(ended().observation_error, "json");
  EXPECT_EQ(ended().content_chunks, 1U);
  EXPECT_EQ(ended().counts->output_tokens, 3);
}

TEST_F(ExchangeTest, AMalformedBodyIsCounted) {
  exchange_.feed_request(request("POST", "/api/embed", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response(json_answer(200, "{\"embeddings\":[[0.1"), at(2ms));
  EXPECT_EQ(ended().observation_error, "json");
  EXPECT_EQ(ended().outcome, Outcome::ok);
}

TEST_F(ExchangeTest, WhatIsNoHttpIsLost) {
  exchange_.feed_request(request("POST", "/api/chat", R"({"model":"m"})"), at(1ms));
  exchange_.feed_response("SSH-2.0-OpenSSH\r\n\r\n", at(2ms));
  EXPECT_TRUE(exchange_.lost());
  EXPECT_EQ(ended().outcome, Outcome::incomplete);
  EXPECT_EQ(ended().observation_error, "http");
  exchange_.feed_response("more", at(3ms));
  exchange_.feed_request("more", at(3ms));
  EXPECT_EQ(log_.ended().size(), 1U);
}

TEST_F(ExchangeTest, AnswersNobodyAskedForAreLost) {
  exchange_.feed_response(json_answer(200, "{}"), at(1ms));
  EXPECT_TRUE(exchange_.lost());
}

TEST_F(ExchangeTest, LargeFinalObjectsAreParsedElsewhere) {
  std::string kept;
  context_.parse_elsewhere = [&](RequestEnded&& end, std::string&& json) {
    EXPECT_EQ(end.outcome, Outcome::ok);
    kept = std::move(json);
  };
  exchange_.feed_request(request("POST", "/api/embed", R"({"model":"m"})"), at(1ms));
  const std::string body =
      R"({"embeddings":[[)" + std::string(kMaxInlineFinalBytes, '1') + R"(]],"prompt_eval_count":4})";
  exchange_.feed_response(json_answer(200, body), at(2ms));
  EXPECT_EQ(kept, body);
  EXPECT_TRUE(log_.ended().empty());
}

TEST_F(ExchangeTest, AnswersBeyondTheBoundAreNotKept) {
  exchange_.feed_request(request("POST", "/api/embed", R"({"model":"m"})"), at(1ms));
  const std::string body = R"({"embeddings":[[)" + std::string(kMaxObservedBytes, '1') + "]]}";
  exchange_.feed_response(json_answer(200, body), at(2ms));
  EXPECT_EQ(ended().observation_error, "oversize");
  EXPECT_EQ(ended().outcome, Outcome::ok);
}

// Whatever bytes come, however they are cut: each request that started is described and ended exactly once.
TEST_F(ExchangeTest, DamagedBytesNeverLeaveARequestOpen) {
  const std::string asked = request("POST", "/api/chat", R"({"model":"m","options":{"num_gpu":0}})") +
                            "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunk(R"({"model":"m"})") + std::string(test::kLastChunk) +
                            request("GET", "/api/ps");
  const std::string answered =
      chunked_head("application/x-ndjson") + chunk(chat_token("a")) + chunk(test::kChatFinal) +
      std::string(test::kLastChunk) + chunked_head("text/event-stream") +
      chunk("data: {\"type\":\"message_stop\"}\n\n") + std::string(test::kLastChunk) + json_answer(200, "{}");
  std::mt19937 random(1);
  const auto damaged = [&](std::string text) {
    for (auto changes = random() % 4; changes > 0; --changes) {
      const std::size_t place = random() % text.size();
      if (random() % 2 == 0) {
        text[place] = static_cast<char>(random());
      } else {
        text.erase(place, random() % 8);
      }
    }
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    test::EventLog log;
    const ExchangeContext context{Witness::relay, "s", ids_, log.sink(), {}};
    {
      Exchange exchange(context);
      const std::string requests = damaged(asked);
      const std::string answers = damaged(answered);
      exchange.feed_request(requests, at(1ms));
      for (std::size_t place = 0; place < answers.size();) {
        const std::size_t piece = 1 + random() % 40;
        exchange.feed_response(std::string_view(answers).substr(place, piece), at(2ms));
        place += piece;
      }
      if (round % 3 == 0) exchange.upstream_closed(at(3ms));
      if (round % 3 == 1) exchange.client_closed(at(3ms));
    }
    const std::size_t started = log.all<RequestStarted>().size();
    ASSERT_EQ(log.ended().size(), started) << round;
    ASSERT_EQ(log.all<RequestDescribed>().size(), started) << round;
  }
}

}  // namespace
}  // namespace tegrascope
