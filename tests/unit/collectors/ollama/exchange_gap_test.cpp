// Bytes that a witness did not see.
#include <gtest/gtest.h>

#include "collectors/ollama/exchange.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope {
namespace {

using namespace test;

std::string content_of(BodyTracker& body, std::string_view bytes) {
  std::string out;
  while (!bytes.empty() && !body.done() && !body.bad()) {
    const BodyTracker::Step step = body.next(bytes);
    out += step.payload;
    bytes.remove_prefix(step.consumed);
  }
  return out;
}

TEST(BodyGap, WithinAKnownLengthItIsExact) {
  BodyTracker body(Framing::length, 10, Strictness::strict);
  EXPECT_EQ(content_of(body, "abc"), "abc");
  EXPECT_TRUE(body.skip(4));
  EXPECT_EQ(content_of(body, "hijNEXT"), "hij");
  EXPECT_TRUE(body.done());
}

TEST(BodyGap, BeyondAKnownLengthNothingIsKnown) {
  BodyTracker body(Framing::length, 10, Strictness::lenient);
  EXPECT_FALSE(body.skip(11));
  EXPECT_TRUE(body.bad());
  BodyTracker to_its_end(Framing::length, 10, Strictness::lenient);
  EXPECT_TRUE(to_its_end.skip(10));
  EXPECT_TRUE(to_its_end.done());
}

TEST(BodyGap, WithinAChunkItIsExact) {
  BodyTracker body(Framing::chunked, 0, Strictness::lenient);
  EXPECT_EQ(content_of(body, "a\r\n01"), "01");
  EXPECT_TRUE(body.skip(7));
  EXPECT_FALSE(body.searching());
  EXPECT_EQ(content_of(body, "9\r\n2\r\nzz\r\n0\r\n\r\n"), "9zz");
  EXPECT_TRUE(body.done());
}

TEST(BodyGap, BeyondAChunkTheNextSizeLineIsFound) {
  for (const char* behind :
       {"2\r\nzz\r\n0\r\n\r\n", "xyz\"}\n\r\n2\r\nzz\r\n0\r\n\r\n", "\r\n2\r\nzz\r\n0\r\n\r\n"}) {
    BodyTracker body(Framing::chunked, 0, Strictness::lenient);
    content_of(body, "5\r\nhello\r\n");
    EXPECT_TRUE(body.skip(20));
    EXPECT_TRUE(body.searching());
    EXPECT_EQ(content_of(body, behind), "zz") << behind;
    EXPECT_TRUE(body.done()) << behind;
  }
  BodyTracker body(Framing::chunked, 0, Strictness::lenient);
  EXPECT_TRUE(body.skip(20));
  EXPECT_EQ(content_of(body, "no size line here"), "");
  EXPECT_TRUE(body.searching());
  EXPECT_EQ(content_of(body, "1\r\nx\r\n0\r\n\r\n"), "x");
}

TEST(BodyGap, AStrictChunkedBodyIsGivenUp) {
  BodyTracker body(Framing::chunked, 0, Strictness::strict);
  EXPECT_FALSE(body.skip(1));
}

TEST(StreamGap, TheCutLineCountsForNothingAndAWholeOneDoes) {
  StreamLines cut(StreamFormat::ndjson, Dialect::ollama);
  cut.feed(R"({"response":"a)");
  cut.gap();
  EXPECT_EQ(cut.feed("b\",\"done\":false}\n{\"response\":\"c\",\"done\":false}\n"), 1U);
  EXPECT_FALSE(cut.malformed_seen());
  StreamLines whole(StreamFormat::ndjson, Dialect::ollama);
  whole.feed("{\"response\":\"a\",\"done\":false}\n");
  whole.gap();
  whole.feed("{\"response\":\"\",\"done\":true,\"eval_count\":9}\n");
  EXPECT_TRUE(whole.ended());
  EXPECT_NE(whole.take_final(), "");
}

TEST(LeaveOut, ARequestMayBeLeftOut) {
  RequestIds ids;
  EventLog log;
  ExchangeContext context{Witness::capture, "s", ids, log.sink(), {}};
  int asked = 0;
  context.leave_out = [&](std::string_view head, MonotonicTime) {
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    return ++asked == 1;
  };
  Exchange exchange(context);
  const std::string one = request("POST", "/api/generate", R"({"model":"m","stream":false})");
  const std::string reply = json_answer(200, R"({"response":"x","done":true,"eval_count":7})");
  exchange.feed_request(request("GET", "/api/ps") + one + one, MonotonicTime{});
  EXPECT_EQ(exchange.in_flight(), 3U);
  exchange.feed_response(json_answer(200, "{}") + reply + reply, MonotonicTime{});
  EXPECT_EQ(log.ended().size(), 1U);
  EXPECT_EQ(asked, 2) << "about inference only";
}

}  // namespace
}  // namespace tegrascope
