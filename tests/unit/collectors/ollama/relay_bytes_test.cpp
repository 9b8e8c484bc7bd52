// What passes through the relay, and in what order.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/unit/collectors/ollama/relay_fixture.hpp"

namespace tegrascope::test {
namespace {

const std::string kChat = R"({"model":"qwen2.5:7b","messages":[{"role":"user","content":"hi"}]})";

std::string random_bytes(std::size_t count) {
  std::mt19937_64 random(7);
  std::string out(count, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

TEST_F(RelayTest, BytesAreEqualBothWaysOnEveryRoute) {
  TcpPeer asking = client();
  std::unique_ptr<TcpPeer> answering;
  for (const auto& [method, target] :
       std::initializer_list<std::pair<const char*, const char*>>{{"POST", "/api/generate"},
                                                                  {"POST", "/api/chat"},
                                                                  {"POST", "/api/embed"},
                                                                  {"POST", "/api/embeddings"},
                                                                  {"POST", "/v1/responses"},
                                                                  {"POST", "/v1/chat/completions"},
                                                                  {"POST", "/v1/messages"},
                                                                  {"GET", "/api/tags"},
                                                                  {"GET", "/nowhere?x=1"},
                                                                  {"DELETE", "/api/delete"},
                                                                  {"POST", "/api/blobs/sha256-1"},
                                                                  {"OPTIONS", "/api/chat"}}) {
    const std::string asked =
        request(method, target, "\xff\x00{not json", "X-Odd:   kept  \r\nx-lower: 1\r\n");
    asking.send(asked);
    if (!answering) answering = std::make_unique<TcpPeer>(upstream_.accept());
    EXPECT_EQ(answering->read_exactly(asked.size()), asked);
    const std::string answered = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX:  y\r\n\r\n\x01\x02\xff{}";
    answering->send(answered);
    EXPECT_EQ(asking.read_exactly(answered.size()), answered);
  }
  EXPECT_FALSE(upstream_.has_connection_now()) << "one upstream connection per client connection";
}

TEST_F(RelayTest, TokensAreForwardedOneByOne) {
  TcpPeer asking = client();
  asking.send(request("POST", "/api/chat", kChat));
  TcpPeer answering = upstream_.accept();
  answering.read_until(kChat);
  const std::string head = chunked_head("application/x-ndjson");
  answering.send(head);
  EXPECT_EQ(asking.read_exactly(head.size()), head);
  for (int i = 0; i < 50; ++i) {  // the next is sent only when the client has this one
    const std::string token = chunk(chat_token(std::to_string(i)));
    answering.send(token);
    ASSERT_EQ(asking.read_exactly(token.size()), token);
  }
  const std::string last = chunk(kChatFinal) + std::string(kLastChunk);
  answering.send(last);
  EXPECT_EQ(asking.read_exactly(last.size()), last);
  EXPECT_EQ(end().outcome, Outcome::ok);
  EXPECT_EQ(end().content_chunks, 50U);
  std::uint64_t gaps = end().chunk_gaps.count();
  for (const RequestProgress& progress : log_.all<RequestProgress>()) gaps += progress.chunk_gaps.count();
  EXPECT_EQ(gaps, 49U);
  EXPECT_EQ(end().counts->output_tokens, 3);
  EXPECT_EQ(log_.all<RequestDescribed>().front().model, "qwen2.5:7b");
}

TEST_F(RelayTest, AnAnswerCutAtEveryByteIsTheSame) {
  const std::string answered =
      chunked_head("text/event-stream") + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n") +
      chunk(
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: "
          "[DONE]\n\n") +
      std::string(kLastChunk);
  TcpPeer asking = client();
  const std::string asked = request("POST", "/v1/chat/completions", R"({"model":"m","stream":true})");
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  for (std::size_t cut = 1; cut < answered.size(); ++cut) {
    answering.read_exactly(asked.size());
    answering.send(answered.substr(0, cut));
    ASSERT_EQ(asking.read_exactly(cut), answered.substr(0, cut));
    answering.send(answered.substr(cut));
    ASSERT_EQ(asking.read_exactly(answered.size() - cut), answered.substr(cut));
    const RequestEnded ended = end(cut - 1);
    ASSERT_EQ(ended.outcome, Outcome::ok) << cut;
    ASSERT_EQ(ended.content_chunks, 1U) << cut;
    ASSERT_EQ(ended.counts->output_tokens, 1) << cut;
    asking.send(asked);
  }
}

TEST_F(RelayTest, ARequestInSingleBytesIsTheSame) {
  TcpPeer asking = client();
  const std::string asked = request("POST", "/api/chat", kChat);
  for (const char c : asked) asking.send(std::string(1, c));
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(asked.size()), asked);
}

TEST_F(RelayTest, PipelinedRequests) {
  TcpPeer asking = client();
  const std::string both = request("POST", "/api/chat", R"({"model":"a","stream":false})") +
                           request("POST", "/api/chat", R"({"model":"b","stream":false})");
  asking.send(both);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(both.size()), both);
  EXPECT_TRUE(eventually([&] { return relay_->counts().in_flight == 2; }));
  const std::string answers = json_answer(200, R"({"done":true,"eval_count":1})") +
                              json_answer(200, R"({"done":true,"eval_count":2})");
  answering.send(answers);
  EXPECT_EQ(asking.read_exactly(answers.size()), answers);
  EXPECT_EQ(end(0).counts->output_tokens, 1);
  EXPECT_EQ(end(1).counts->output_tokens, 2);
  EXPECT_EQ(log_.all<RequestDescribed>()[1].model, "b");
  EXPECT_EQ(relay_->counts().in_flight, 0U);
}

TEST_F(RelayTest, HeadHasNoBody) {
  TcpPeer asking = client();
  asking.send(request("HEAD", "/"));
  TcpPeer answering = upstream_.accept();
  answering.read_until("\r\n\r\n");
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n";
  answering.send(head);
  EXPECT_EQ(asking.read_exactly(head.size()), head);
  asking.send(request("POST", "/api/embed", R"({"model":"m"})"));
  answering.read_until("}");
  answering.send(json_answer(200, R"({"prompt_eval_count":4})"));
  EXPECT_EQ(end().counts->prompt_tokens, 4);
}

TEST_F(RelayTest, ExpectContinueIsPassedOnBeforeTheBody) {
  TcpPeer asking = client();
  asking.send("POST /api/chat HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " +
              std::to_string(kChat.size()) + "\r\n\r\n");
  TcpPeer answering = upstream_.accept();
  answering.read_until("\r\n\r\n");
  answering.send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(asking.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  asking.send(kChat);
  EXPECT_EQ(answering.read_exactly(kChat.size()), kChat);
}

TEST_F(RelayTest, AChunkedRequestBodyIsForwardedAsItIs) {
  TcpPeer asking = client();
  const std::string asked = "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunk(kChat) + std::string(kLastChunk);
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(asked.size()), asked);
  EXPECT_TRUE(eventually([&] { return !log_.all<RequestDescribed>().empty(); }));
  EXPECT_EQ(log_.all<RequestDescribed>()[0].model, "qwen2.5:7b");
}

TEST_F(RelayTest, BigBodiesBothWaysAtOnce) {
  constexpr std::size_t kSize = 32 * 1024 * 1024;
  const std::string bytes = random_bytes(kSize);
  TcpPeer asking = client();
  const std::string asked =
      "POST /api/blobs/sha256-1 HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n";
  const std::string answered = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n";
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(asked.size()), asked);
  std::string got_by_server;
  std::string got_by_client;
  std::thread upload([&] { asking.send(bytes); });
  std::thread download([&] {
    answering.send(answered);
    answering.send(bytes);
  });
  std::thread server_reads([&] { got_by_server = answering.read_exactly(kSize); });
  got_by_client = asking.read_exactly(answered.size() + kSize).substr(answered.size());
  upload.join();
  download.join();
  server_reads.join();
  EXPECT_TRUE(got_by_server == bytes);
  EXPECT_TRUE(got_by_client == bytes);
  EXPECT_TRUE(eventually([&] { return relay_->counts().in_flight == 0; }));
  EXPECT_EQ(relay_->counts().bytes_in, asked.size() + kSize);
  EXPECT_EQ(relay_->counts().bytes_out, answered.size() + kSize);
}

TEST_F(RelayTest, AClientThatDoesNotReadHoldsItsUpstreamBack) {
  TcpPeer asking = client();
  asking.send(request("GET", "/api/tags"));
  TcpPeer answering = upstream_.accept();
  answering.read_until("\r\n\r\n");
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  std::atomic<bool> all_sent{false};
  std::thread sending([&] {
    answering.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
    answering.send(std::string(kSize, 'x'));
    all_sent = true;
  });
  // Another client is served meanwhile.
  TcpPeer other = client();
  other.send(request("GET", "/api/ps"));
  TcpPeer other_answering = upstream_.accept();
  other_answering.read_until("\r\n\r\n");
  other_answering.send(json_answer(200, "{}"));
  other.read_until("{}");
  EXPECT_FALSE(all_sent);
  asking.read_until("\r\n\r\n");
  EXPECT_EQ(asking.read_exactly(kSize).size(), kSize);
  sending.join();
}

TEST_F(RelayTest, InvalidJsonPassesAndIsCounted) {
  TcpPeer asking = client();
  asking.send(request("POST", "/api/chat", kChat));
  TcpPeer answering = upstream_.accept();
  answering.read_until(kChat);
  const std::string answered = chunked_head("application/x-ndjson") + chunk("{\"mess\xff\n") +
                               chunk("\x01\x02nonsense\n") + std::string(kLastChunk);
  answering.send(answered);
  EXPECT_EQ(asking.read_exactly(answered.size()), answered);
  EXPECT_EQ(end().observation_error, "json");
}

TEST_F(RelayTest, AFailingObserverCostsNoByte) {
  start({}, [](RequestEvent&&) { throw std::runtime_error("observer"); });
  TcpPeer asking = client();
  const std::string asked = request("POST", "/api/chat", kChat);
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(asked.size()), asked);
  const std::string answered = chunked_head("application/x-ndjson") + chunk(chat_token("a")) +
                               chunk(kChatFinal) + std::string(kLastChunk);
  answering.send(answered);
  EXPECT_EQ(asking.read_exactly(answered.size()), answered);
  asking.send(asked);
  EXPECT_EQ(answering.read_exactly(asked.size()), asked);
  EXPECT_EQ(relay_->counts().observation_failures, 1U);
}

TEST_F(RelayTest, LargeAnswersAreParsedOffTheRelayThread) {
  std::string numbers = "0.5";
  for (int i = 0; i < 200000; ++i) numbers += ",0.5";
  TcpPeer asking = client();
  asking.send(request("POST", "/api/embed", R"({"model":"m"})"));
  TcpPeer answering = upstream_.accept();
  answering.read_until("}");
  const std::string answered =
      json_answer(200, R"({"embeddings":[[)" + numbers + R"(]],"prompt_eval_count":4,"total_duration":9})");
  std::thread sending([&] { answering.send(answered); });
  EXPECT_TRUE(asking.read_exactly(answered.size()) == answered);
  sending.join();
  EXPECT_EQ(end().counts->prompt_tokens, 4);
  EXPECT_EQ(end().observation_error, "");
}

TEST_F(RelayTest, AnswersNeverCrossBetweenClients) {
  constexpr int kClients = 40;
  std::vector<TcpPeer> clients;
  std::vector<TcpPeer> servers;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(client());
    clients.back().send(request("GET", "/api/tags?nonce=" + std::to_string(i) + "!"));
    servers.push_back(upstream_.accept());
  }
  for (TcpPeer& server : servers) {
    const std::string head = server.read_until("\r\n\r\n");
    const std::size_t begin = head.find("nonce=") + 6;
    const std::string nonce = head.substr(begin, head.find('!') - begin);
    server.send(json_answer(200, "{" + nonce + "}"));
  }
  for (int i = 0; i < kClients; ++i) {
    const std::string answer = clients[static_cast<std::size_t>(i)].read_until("}");
    EXPECT_NE(answer.find("{" + std::to_string(i) + "}"), std::string::npos);
  }
}

}  // namespace
}  // namespace tegrascope::test
