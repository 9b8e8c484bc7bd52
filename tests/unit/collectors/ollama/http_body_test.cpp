#include "collectors/ollama/http_body.hpp"

#include <gtest/gtest.h>

#include <string>

#include "collectors/ollama/request_gate.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

struct Walk {
  std::string payload;
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;
};

Walk walk(BodyTracker tracker, std::string_view text, std::size_t piece) {
  Walk out;
  for (std::size_t at = 0; at < text.size() && !tracker.done() && !tracker.bad();) {
    std::string_view rest = text.substr(at, piece);
    at += rest.size();
    while (!rest.empty() && !tracker.done() && !tracker.bad()) {
      const BodyTracker::Step step = tracker.next(rest);
      out.payload += step.payload;
      out.consumed += step.consumed;
      rest.remove_prefix(step.consumed);
    }
  }
  out.done = tracker.done();
  out.bad = tracker.bad();
  return out;
}

TEST(BodyTracker, FindsTheEndOfEveryFramingAtEveryCut) {
  const std::string chunked =
      test::chunk("hello ") + test::chunk("world, this is more than sixteen") + std::string(test::kLastChunk);
  for (std::size_t piece = 1; piece <= chunked.size() + 4; ++piece) {
    for (const auto strictness : {Strictness::strict, Strictness::lenient}) {
      const Walk walked = walk(BodyTracker(Framing::chunked, 0, strictness), chunked + "GET ", piece);
      EXPECT_TRUE(walked.done);
      EXPECT_EQ(walked.payload, "hello world, this is more than sixteen");
      EXPECT_EQ(walked.consumed, chunked.size());
    }
    const Walk sized = walk(BodyTracker(Framing::length, 5, Strictness::strict), "helloGET ", piece);
    EXPECT_TRUE(sized.done);
    EXPECT_EQ(sized.payload, "hello");
    EXPECT_EQ(sized.consumed, 5U);
  }
}

TEST(BodyTracker, NoBodyIsDoneAtOnce) {
  EXPECT_TRUE(BodyTracker().done());
  EXPECT_TRUE(BodyTracker(Framing::length, 0, Strictness::strict).done());
  const Walk open = walk(BodyTracker(Framing::until_close, 0, Strictness::lenient), "anything", 3);
  EXPECT_FALSE(open.done);
  EXPECT_EQ(open.payload, "anything");
}

TEST(BodyTracker, StrictRefusesOddChunks) {
  for (const char* text :
       {"5;a=b\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n",
        "+5\r\nhello\r\n", "\r\nhello", "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "0\r\nContent-Length: 5\r\n\r\n", "0\r\n\n", "g\r\n", "00000000000000005\r\nhello\r\n", "-1\r\n"}) {
    EXPECT_TRUE(walk(BodyTracker(Framing::chunked, 0, Strictness::strict), text, 64).bad) << text;
  }
}

TEST(BodyTracker, LenientFollowsExtensionsTrailersAndBareLf) {
  for (const char* text :
       {"5;a=b\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"}) {
    const Walk walked = walk(BodyTracker(Framing::chunked, 0, Strictness::lenient), text, 1);
    EXPECT_TRUE(walked.done) << text;
    EXPECT_EQ(walked.payload, "hello") << text;
  }
}

TEST(RequestGate, PassesWholeMessagesInOneGo) {
  const std::vector<std::string> hosts;
  RequestGate gate(hosts);
  const std::string text = test::request("POST", "/api/chat", "{}") + test::request("GET", "/api/ps");
  const auto decision = gate.examine(text);
  EXPECT_EQ(decision.pass, text.size());
  EXPECT_FALSE(decision.refusal);
  EXPECT_TRUE(gate.between_messages());
  EXPECT_EQ(gate.last_target(), "/api/ps");
}

TEST(RequestGate, HoldsAnIncompleteHead) {
  const std::vector<std::string> hosts;
  const std::string text = test::request("POST", "/api/chat", "{}");
  const std::size_t head = text.find("\r\n\r\n") + 4;
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    RequestGate gate(hosts);
    const std::size_t passed = gate.examine(std::string_view(text).substr(0, cut)).pass;
    EXPECT_EQ(passed, cut < head ? 0 : cut);
    EXPECT_EQ(passed + gate.examine(std::string_view(text).substr(passed)).pass, text.size());
  }
}

TEST(RequestGate, NothingBehindABadHeadPasses) {
  const std::vector<std::string> hosts;
  RequestGate gate(hosts);
  const std::string good = test::request("GET", "/api/ps");
  const auto decision = gate.examine(good + "GET / HTTP/1.1\r\n\r\n" + good);
  EXPECT_EQ(decision.pass, good.size());
  ASSERT_TRUE(decision.refusal);
  EXPECT_FALSE(decision.inside_message);
}

TEST(RequestGate, ABadChunkStopsBeforeItsFirstBadByte) {
  const std::vector<std::string> hosts;
  RequestGate gate(hosts);
  const std::string head = "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto decision = gate.examine(head + "2\r\n{}\r\n3;x\r\n");
  EXPECT_EQ(decision.pass, head.size() + 8);
  ASSERT_TRUE(decision.refusal);
  EXPECT_TRUE(decision.inside_message);
}

TEST(RequestGate, AHostThatIsNotAllowedIsForbidden) {
  const std::vector<std::string> hosts{"jetson.lan"};
  RequestGate gate(hosts);
  const auto decision = gate.examine("GET /api/tags HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(decision.pass, 0U);
  ASSERT_TRUE(decision.refusal);
  EXPECT_EQ(decision.refusal->status, 403);
}

}  // namespace
}  // namespace tegrascope
