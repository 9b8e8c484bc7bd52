#include "collectors/ollama/request_gate.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

TEST(RequestGate, PassesWholeMessagesInOneGo) {
  const GateRules rules;
  RequestGate gate(rules);
  const std::string text = test::request("POST", "/api/chat", "{}") + test::request("GET", "/api/ps");
  const auto decision = gate.examine(text);
  EXPECT_EQ(decision.pass, text.size());
  EXPECT_FALSE(decision.refusal);
  EXPECT_TRUE(gate.between_messages());
  EXPECT_EQ(gate.last_target(), "/api/ps");
}

TEST(RequestGate, HoldsAnIncompleteHead) {
  const GateRules rules;
  const std::string text = test::request("POST", "/api/chat", "{}");
  const std::size_t head = text.find("\r\n\r\n") + 4;
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    RequestGate gate(rules);
    const std::size_t passed = gate.examine(std::string_view(text).substr(0, cut)).pass;
    EXPECT_EQ(passed, cut < head ? 0 : cut);
    EXPECT_EQ(passed + gate.examine(std::string_view(text).substr(passed)).pass, text.size());
  }
}

TEST(RequestGate, NothingBehindABadHeadPasses) {
  const GateRules rules;
  RequestGate gate(rules);
  const std::string good = test::request("GET", "/api/ps");
  const auto decision = gate.examine(good + "GET / HTTP/1.1\r\n\r\n" + good);
  EXPECT_EQ(decision.pass, good.size());
  ASSERT_TRUE(decision.refusal);
  EXPECT_FALSE(decision.inside_message);
}

TEST(RequestGate, ABadChunkStopsBeforeItsFirstBadByte) {
  const GateRules rules;
  RequestGate gate(rules);
  const std::string head = "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(gate.examine(head + "2\r\n{}\r\n").pass, head.size() + 7);
  const auto decision = gate.examine("3;x\r\n");
  EXPECT_EQ(decision.pass, 1U);
  ASSERT_TRUE(decision.refusal);
  EXPECT_TRUE(decision.inside_message);
}

TEST(RequestGate, ABadChunkThatComesWithItsHeadKeepsTheWholeMessageBack) {
  GateRules rules;
  rules.rewrite_host_to = "b";
  RequestGate gate(rules);
  const std::string good = test::request("GET", "/api/ps");
  const auto decision = gate.examine(
      good + "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3;x\r\n");
  EXPECT_EQ(decision.pass, good.size());
  EXPECT_EQ(decision.rewritten, "GET /api/ps HTTP/1.1\r\nHost: b\r\n\r\n");
  ASSERT_TRUE(decision.refusal);
  EXPECT_FALSE(decision.inside_message);
  EXPECT_EQ(gate.last_target(), "/api/chat");
}

TEST(RequestGate, AHostThatIsNotAllowedIsForbidden) {
  GateRules rules;
  rules.hosts = {true, "", {"jetson.lan"}};
  RequestGate gate(rules);
  const auto decision = gate.examine("GET /api/tags HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(decision.pass, 0U);
  ASSERT_TRUE(decision.refusal);
  EXPECT_EQ(decision.refusal->status, 403);
}

TEST(RequestGate, RewritesTheHostAndNothingElse) {
  GateRules rules;
  rules.rewrite_host_to = "127.0.0.1:11434";
  RequestGate gate(rules);
  const std::string body = R"({"Host": "jetson.lan"})";
  const auto asked = [&](const std::string& host) {
    return "POST /api/chat?Host: HTTP/1.1\r\nX-Host: a\r\nhOst:  " + host +
           " \r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  const std::string target = "POST /api/chat?Host: HTTP/1.1";
  ASSERT_NE(asked("a").find(target), std::string::npos);
  const auto decision = gate.examine(asked("jetson.lan:1") + asked("b") + "GET / HTTP/1.1\r\nHo");
  EXPECT_FALSE(decision.refusal);
  EXPECT_EQ(decision.pass, asked("jetson.lan:1").size() + asked("b").size());
  EXPECT_EQ(decision.rewritten, asked("127.0.0.1:11434") + asked("127.0.0.1:11434"));
  const auto rest = gate.examine("GET / HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(rest.rewritten) << "without a Host nothing is added";
}

TEST(RequestGate, OnlyBatchesWithAHeadAreRewritten) {
  GateRules rules;
  rules.rewrite_host_to = "127.0.0.1:11434";
  RequestGate gate(rules);
  EXPECT_TRUE(gate.examine("POST /api/blobs/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab").rewritten);
  const auto body = gate.examine("cdefghi");
  EXPECT_EQ(body.pass, 7U);
  EXPECT_FALSE(body.rewritten);
}

TEST(RequestGate, ABodyOfGetIsRefusedWhereServersTakeItForARequest) {
  const std::string hidden = test::request("POST", "/slots/0?action=erase");
  const std::string text = test::request("GET", "/health", hidden);
  const GateRules ollama;
  EXPECT_EQ(RequestGate(ollama).examine(text).pass, text.size());
  GateRules openai;
  openai.kind = UpstreamKind::openai;
  EXPECT_EQ(RequestGate(openai).examine(text).pass, 0U);
  EXPECT_TRUE(RequestGate(openai).examine(text).refusal);
  EXPECT_FALSE(
      RequestGate(openai).examine(test::request("GET", "/health", "", "Content-Length: 0\r\n")).refusal);
}

TEST(RequestGate, GuardModeNamesItselfAndTheTargetIsKnown) {
  GateRules rules;
  rules.guard = true;
  RequestGate gate(rules);
  const std::string good = test::request("POST", "/v1/messages", "{}");
  const auto decision = gate.examine(good + test::request("DELETE", "/api/delete", "{}"));
  EXPECT_EQ(decision.pass, good.size());
  ASSERT_TRUE(decision.refusal);
  EXPECT_EQ(decision.refusal->status, 403);
  EXPECT_EQ(decision.reason, RefusalReason::guard);
  EXPECT_NE(decision.refusal->message.find("guard mode"), std::string::npos);
  EXPECT_EQ(gate.last_method(), "DELETE");
  EXPECT_EQ(gate.last_target(), "/api/delete");
}

}  // namespace
}  // namespace tegrascope
