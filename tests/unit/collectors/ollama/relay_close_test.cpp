// How the relay passes on ends, failures and refusals.
#include <gtest/gtest.h>

#include "tests/unit/collectors/ollama/relay_fixture.hpp"

namespace tegrascope::test {
namespace {

const std::string kChat = R"({"model":"m","messages":[]})";
const std::string kAsked = request("POST", "/api/chat", kChat);

TEST_F(RelayTest, AClientThatClosesBeforeTheFirstByte) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  asking.close();
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::fin);
  answering.close();  // as Ollama does
  EXPECT_EQ(end().outcome, Outcome::client_aborted);
  EXPECT_EQ(end().status_code, 499);
}

TEST_F(RelayTest, AClientThatResetsBeforeTheFirstByte) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  asking.reset();
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::reset);
  EXPECT_EQ(end().outcome, Outcome::client_aborted);
}

TEST_F(RelayTest, AClientThatLeavesMidStream) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  const std::string begun = chunked_head("application/x-ndjson") + chunk(chat_token("a"));
  answering.send(begun);
  asking.read_exactly(begun.size());
  for (int i = 0; i < 5; ++i) {
    const std::string more = chunk(chat_token("b"));
    answering.send(more);
    asking.read_exactly(more.size());
  }
  asking.close();
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::fin);
  answering.close();
  EXPECT_EQ(end().outcome, Outcome::client_aborted);
  EXPECT_EQ(end().status_code, 499);
  EXPECT_EQ(end().content_chunks, 6U);
}

TEST_F(RelayTest, AServerThatIgnoresTheCloseLearnsItWithItsNextBytes) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  asking.close();
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::fin);
  answering.send(chunked_head("application/x-ndjson"));
  EXPECT_TRUE(eventually([&] {
    try {
      answering.send(chunk(chat_token("a")));
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }));
  EXPECT_EQ(end().outcome, Outcome::client_aborted);
}

TEST_F(RelayTest, AHalfClosedClientGetsItsAnswer) {
  TcpPeer asking = client();
  asking.send(kAsked);
  asking.finish_sending();
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::fin);
  const std::string answered =
      chunked_head("application/x-ndjson") + chunk(kChatFinal) + std::string(kLastChunk);
  answering.send(answered);
  EXPECT_EQ(asking.read_exactly(answered.size()), answered);
  answering.close();
  EXPECT_EQ(asking.wait_for_end(), TcpPeer::End::fin);
  EXPECT_EQ(end().outcome, Outcome::ok);
  EXPECT_TRUE(eventually([&] { return relay_->counts().connections == 0; }));
}

TEST_F(RelayTest, AServerThatDiesAtEveryByteLeavesACutAnswer) {
  const std::string answered = chunked_head("application/x-ndjson") + chunk(chat_token("a")) +
                               chunk(kChatFinal) + std::string(kLastChunk);
  for (std::size_t cut = 0; cut < answered.size(); ++cut) {
    TcpPeer asking = client();
    asking.send(kAsked);
    TcpPeer answering = upstream_.accept();
    answering.read_exactly(kAsked.size());
    answering.send(answered.substr(0, cut));
    answering.close();
    ASSERT_EQ(asking.read_to_end(), answered.substr(0, cut)) << cut;
    ASSERT_EQ(end(cut).outcome, Outcome::upstream_aborted) << cut;
  }
}

TEST_F(RelayTest, AServersResetIsPassedOn) {
  TcpPeer asking = client();
  asking.send(kAsked);
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
  answering.reset();
  EXPECT_EQ(asking.wait_for_end(), TcpPeer::End::reset);
  EXPECT_EQ(end().outcome, Outcome::upstream_aborted);
  EXPECT_EQ(end().status_code, 0);
}

TEST_F(RelayTest, AnIdleConnectionThatTheServerClosesIsClosed) {
  TcpPeer asking = client();
  asking.send(request("GET", "/api/ps"));
  TcpPeer answering = upstream_.accept();
  answering.read_until("\r\n\r\n");
  const std::string answered = json_answer(200, "{}");
  answering.send(answered);
  asking.read_exactly(answered.size());
  answering.close();
  EXPECT_EQ(asking.wait_for_end(), TcpPeer::End::fin);
  asking.close();
  EXPECT_TRUE(eventually([&] { return relay_->counts().connections == 0; }));
}

TEST_F(RelayTest, AnOllamaThatIsNotThereGives502) {
  upstream_.stop_listening();
  TcpPeer asking = client();
  asking.send(kAsked);
  const std::string answer = asking.read_to_end();
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 502");
  EXPECT_NE(answer.find("\r\n\r\n{\"error\":\""), std::string::npos) << answer;
  EXPECT_EQ(end().status_code, 502);
  EXPECT_EQ(end().outcome, Outcome::error);

  TcpPeer openai = client();
  openai.send(request("POST", "/v1/chat/completions", kChat));
  EXPECT_NE(openai.read_to_end().find("{\"error\":{\"message\":\""), std::string::npos);

  TcpPeer head = client();
  head.send(request("HEAD", "/"));
  const std::string head_answer = head.read_to_end();
  EXPECT_EQ(head_answer.substr(head_answer.size() - 4), "\r\n\r\n") << "no body after HEAD";
}

TEST_F(RelayTest, AmbiguousRequestsReachNobody) {
  for (const std::string text :
       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT b:1 HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello",
        "\x16\x03\x01\x02\x01\x01\n"}) {
    TcpPeer asking = client();
    asking.send(text);
    const std::string answer = asking.read_to_end();
    EXPECT_TRUE(answer.substr(0, 12) == "HTTP/1.1 400" || answer.substr(0, 12) == "HTTP/1.1 501") << answer;
    EXPECT_NE(answer.find("{\"error\":\""), std::string::npos);
  }
  EXPECT_FALSE(upstream_.has_connection_now());
  EXPECT_EQ(refused(RefusalReason::framing), 7U);
  EXPECT_EQ(log_.size(), 0U);
}

TEST_F(RelayTest, AHostThatIsNotAllowedIsForbidden) {
  RelayOptions options;
  options.rules.hosts = {true, "", {"jetson.lan"}};
  start(std::move(options));
  TcpPeer asking = client();
  asking.send("GET /api/tags HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(asking.read_to_end().substr(0, 12), "HTTP/1.1 403");
  EXPECT_FALSE(upstream_.has_connection_now());
}

TEST_F(RelayTest, ABadRequestWaitsForTheAnswerBeforeIt) {
  TcpPeer asking = client();
  asking.send(kAsked + "GET / HTTP/1.1\r\n\r\n");
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(kAsked.size()), kAsked);
  EXPECT_TRUE(eventually([&] { return refused(RefusalReason::framing) == 1; }));
  EXPECT_FALSE(asking.has_bytes_now());
  EXPECT_FALSE(answering.has_bytes_now());
  const std::string answered =
      chunked_head("application/x-ndjson") + chunk(kChatFinal) + std::string(kLastChunk);
  answering.send(answered);
  const std::string all = asking.read_to_end();
  EXPECT_EQ(all.substr(0, answered.size()), answered);
  EXPECT_EQ(all.substr(answered.size(), 12), "HTTP/1.1 400");
  EXPECT_EQ(end().outcome, Outcome::ok);
}

TEST_F(RelayTest, ABadChunkEndsBothSides) {
  TcpPeer asking = client();
  const std::string good =
      "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
  asking.send(good);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_exactly(good.size()), good);
  asking.send("zz\r\nGET /api/delete HTTP/1.1\r\n\r\n");
  EXPECT_EQ(asking.read_to_end().substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(answering.wait_for_end(), TcpPeer::End::reset);
  EXPECT_EQ(end().status_code, 400);
}

TEST_F(RelayTest, AnEarlyAnswerReachesAClientThatIsStillSending) {
  TcpPeer asking = client();
  asking.send("POST /api/blobs/sha256-1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin");
  TcpPeer answering = upstream_.accept();
  answering.read_until("begin");
  const std::string answered = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
  answering.send(answered);
  answering.close();
  asking.send(std::string(100000, 'x'));
  EXPECT_EQ(asking.read_to_end(), answered);
}

}  // namespace
}  // namespace tegrascope::test
