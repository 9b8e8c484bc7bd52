// What the relay refuses, limits and hurries, and what it never does to an exchange that lives.
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <vector>

#include "tests/unit/collectors/ollama/relay_fixture.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

const std::string kAsked = request("POST", "/api/chat", R"({"model":"m"})");

class RelayLimits : public RelayTest {
 protected:
  // A client whose request is at the upstream, and the upstream's side of it.
  std::pair<TcpPeer, TcpPeer> exchange() {
    TcpPeer asking = client();
    asking.send(kAsked);
    TcpPeer answering = upstream_.accept();
    answering.read_exactly(kAsked.size());
    return {std::move(asking), std::move(answering)};
  }
  void finish(std::pair<TcpPeer, TcpPeer>& exchange) {
    const std::string answered = json_answer(200, R"({"done":true})");
    exchange.second.send(answered);
    EXPECT_EQ(exchange.first.read_exactly(answered.size()), answered);
  }
};

TEST_F(RelayLimits, AHeadThatDoesNotComeIsAnsweredWith408) {
  RelayOptions options;
  options.head_timeout = 50ms;
  start(std::move(options));
  TcpPeer asking = client();
  asking.send("POST /api/chat HTTP/1.1\r\nHost: a\r\n");
  const std::string answer = asking.read_to_end();
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 408") << answer;
  EXPECT_NE(answer.find("{\"error\":\""), std::string::npos);
  EXPECT_EQ(refused(RefusalReason::slow_head), 1U);
  EXPECT_FALSE(upstream_.has_connection_now());
}

TEST_F(RelayLimits, ByteByByteDoesNotMoveTheDeadlineOfAHead) {
  RelayOptions options;
  options.head_timeout = 100ms;
  start(std::move(options));
  TcpPeer asking = client();
  const auto begun = std::chrono::steady_clock::now();
  asking.send("GET / HTTP/1.1\r\nX: ");
  while (!asking.has_bytes_now() && std::chrono::steady_clock::now() < begun + kDeadline) {
    asking.send("x");
    pause_a_millisecond();
  }
  EXPECT_EQ(asking.read_until("\r\n").substr(0, 12), "HTTP/1.1 408");
}

TEST_F(RelayLimits, OnlyHeadsHaveADeadline) {
  RelayOptions options;
  options.head_timeout = 20ms;
  start(std::move(options));
  TcpPeer silent = client();     // has not begun a head
  auto waiting = exchange();     // waits for its answer
  TcpPeer uploading = client();  // in the middle of a body
  uploading.send("POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
  TcpPeer receiving = upstream_.accept();
  receiving.read_until("ab");
  auto between = exchange();  // keeps its connection for later
  finish(between);
  waiting.first.send("POST /api/chat");  // the next head begins before the answer has come
  TcpPeer slow = client();
  slow.send("GET");
  EXPECT_EQ(slow.read_until("\r\n").substr(0, 12), "HTTP/1.1 408");

  EXPECT_FALSE(silent.has_bytes_now());
  EXPECT_FALSE(waiting.first.has_bytes_now());
  EXPECT_FALSE(between.first.has_bytes_now());
  EXPECT_FALSE(uploading.has_bytes_now());
  uploading.send("cd");
  receiving.read_until("cd");
  finish(waiting);
}

TEST_F(RelayLimits, AtTheLimitTheOneThatIsIdleLongestGivesWay) {
  RelayOptions options;
  options.max_connections = 3;
  start(std::move(options));
  auto waiting = exchange();
  TcpPeer never_asked = client();
  never_asked.send("GET / HT");
  EXPECT_TRUE(eventually([&] { return relay_->counts().connections == 2; }));
  auto between = exchange();
  finish(between);
  auto newest = exchange();
  never_asked.wait_for_end();
  EXPECT_EQ(relay_->counts().connections_evicted, 1U);
  EXPECT_EQ(relay_->counts().connections_refused, 0U);
  EXPECT_FALSE(between.first.has_bytes_now());
  finish(newest);
  finish(waiting);
}

TEST_F(RelayLimits, AtTheLimitLivingExchangesStayAndNewOnesAreTold) {
  RelayOptions options;
  options.max_connections = 2;
  start(std::move(options));
  auto first = exchange();
  auto second = exchange();
  TcpPeer third = client();
  third.send(kAsked);
  const std::string answer = third.read_to_end();
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 503") << answer;
  EXPECT_NE(answer.find("--relay.max-connections"), std::string::npos);
  third.close();
  EXPECT_EQ(relay_->counts().connections_refused, 1U);
  EXPECT_FALSE(upstream_.has_connection_now());
  finish(first);
  finish(second);
  auto fourth = exchange();  // one of those that are idle now gives way
  finish(fourth);
}

TEST_F(RelayLimits, AFloodOfSilentConnectionsKeepsNobodyOut) {
  RelayOptions options;
  options.max_connections = 50;
  start(std::move(options));
  auto living = exchange();
  std::vector<TcpPeer> flood;
  for (int i = 0; i < 500; ++i) {
    flood.push_back(client());
    flood.back().send("GET / HTTP/1.1\r\n");
  }
  auto other = exchange();
  finish(other);
  finish(living);
  EXPECT_LE(relay_->counts().connections, 50U);
  EXPECT_GE(relay_->counts().connections_evicted, 440U);
}

TEST_F(RelayLimits, GuardModeAnswersInTheFormOfTheRoute) {
  RelayOptions options;
  options.rules.guard = true;
  start(std::move(options));
  for (const auto& [target, form] :
       {std::pair{"/api/pull", "{\"error\":\"the tegrascope relay is in guard mode"},
        {"/v1/fine_tuning/jobs", "{\"error\":{\"message\":\"the tegrascope"},
        {"/v1/messages/batches", "{\"type\":\"error\",\"error\":{\"type\":\"perm"}}) {
    TcpPeer asking = client();
    asking.send(request("POST", target, R"({"model":"m"})"));
    const std::string answer = asking.read_to_end();
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 403") << answer;
    EXPECT_NE(answer.find(std::string("\r\n\r\n") + form), std::string::npos) << answer;
  }
  EXPECT_FALSE(upstream_.has_connection_now());
  EXPECT_EQ(refused(RefusalReason::guard), 3U);
  auto inference = exchange();
  finish(inference);
}

TEST_F(RelayLimits, AnUploadThatGuardModeRefusesIsToldAndNotReset) {
  RelayOptions options;
  options.rules.guard = true;
  start(std::move(options));
  TcpPeer asking = client();
  asking.send("POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
  asking.send(std::string(10000000, 'x'));
  EXPECT_EQ(asking.read_to_end().substr(0, 12), "HTTP/1.1 403");
}

TEST_F(RelayLimits, TheHostIsRewrittenOnRequestOnly) {
  RelayOptions options;
  options.rules.rewrite_host_to = "127.0.0.1:11434";
  start(std::move(options));
  TcpPeer asking = client();
  const std::string asked =
      "GET /api/tags HTTP/1.1\r\nHost: jetson.home.lan:11481\r\nOrigin: http://a\r\n\r\n";
  asking.send(asked);
  TcpPeer answering = upstream_.accept();
  EXPECT_EQ(answering.read_until("\r\n\r\n"),
            "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nOrigin: http://a\r\n\r\n");
}

TEST_F(RelayLimits, TheMachinesOwnAddressPassesTheHostCheck) {
  RelayOptions options;
  options.rules.hosts = make_host_policy({}, "127.0.0.1", "orin");
  start(std::move(options));
  TcpPeer asking = client();
  asking.send("GET /api/tags HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(asking.read_to_end().substr(0, 12), "HTTP/1.1 403");
  EXPECT_EQ(refused(RefusalReason::host), 1U);
  auto literal = exchange();
  finish(literal);
}

TEST_F(RelayLimits, AnOpenaiServerThatIsNotThereGivesOpenaisError) {
  RelayOptions options;
  options.rules.kind = UpstreamKind::openai;
  start(std::move(options));
  upstream_.stop_listening();
  TcpPeer asking = client();
  asking.send(request("POST", "/completion", "{}"));
  const std::string answer = asking.read_to_end();
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 502");
  EXPECT_NE(answer.find(R"({"error":{"message":"the tegrascope relay cannot reach the server at )"),
            std::string::npos)
      << answer;
}

TEST_F(RelayLimits, HurryEndsTheWaitOfAStop) {
  RelayOptions options;
  options.drain_time = 1h;
  start(std::move(options));
  auto waiting = exchange();
  auto stopped = std::async(std::launch::async, [&] { relay_->stop(); });
  EXPECT_TRUE(eventually([&] {
    relay_->hurry();
    return stopped.wait_for(0s) == std::future_status::ready;
  }));
  EXPECT_EQ(waiting.first.wait_for_end(), TcpPeer::End::reset);
  EXPECT_EQ(waiting.second.wait_for_end(), TcpPeer::End::reset);
  ASSERT_EQ(log_.ended().size(), 1U);
  EXPECT_EQ(log_.ended()[0].outcome, Outcome::incomplete);
}

TEST_F(RelayLimits, HurryAloneCutsNothing) {
  auto waiting = exchange();
  relay_->hurry();
  finish(waiting);
}

TEST_F(RelayLimits, AStopServesThoseThatHaveJustConnected) {
  std::vector<TcpPeer> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(client());
  auto stopped = std::async(std::launch::async, [&] { relay_->stop(); });
  for (TcpPeer& asking : clients) {
    asking.send(kAsked);
    TcpPeer answering = upstream_.accept();
    answering.read_exactly(kAsked.size());
    answering.send(json_answer(200, R"({"done":true})"));
    EXPECT_EQ(asking.read_to_end(), json_answer(200, R"({"done":true})"));
  }
  ASSERT_EQ(stopped.wait_for(kDeadline), std::future_status::ready);
}

TEST_F(RelayLimits, ASocketThatAnotherHoldsOutlivesTheRelay) {
  ScriptedUpstream held;  // a listening socket
  RelayOptions options;
  options.sockets = {::dup(held.descriptor())};
  start(std::move(options));
  ASSERT_EQ(relay_->ports().front(), held.port());
  auto served = exchange();
  finish(served);
  relay_->stop();
  TcpPeer waits = TcpPeer::connect(held.port());  // nobody accepts now, but nobody refuses
  waits.send(kAsked);
  RelayOptions again;
  again.sockets = {::dup(held.descriptor())};
  start(std::move(again));
  TcpPeer answering = upstream_.accept();
  answering.read_exactly(kAsked.size());
}

TEST_F(RelayLimits, ASocketThatDoesNotListenIsNamed) {
  RequestIds ids;
  RelayOptions options;
  options.sockets = {::dup(0)};
  Relay relay(options, ids, [](RequestEvent&&) {});
  EXPECT_THROW(relay.start(), std::system_error);
}

}  // namespace
}  // namespace tegrascope::test
