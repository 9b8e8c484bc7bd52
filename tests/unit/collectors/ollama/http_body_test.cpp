#include "collectors/ollama/http_body.hpp"

#include <gtest/gtest.h>

#include <string>

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
        "0\r\nContent-Length: 5\r\n\r\n", "0\r\n\n", "g\r\n", "00000000000000005\r\nhello\r\n", "-1\r\n",
        "8000000000000000\r\n", "5 ;a\r\nhello\r\n", "5\r\nhello0\r\n\r\n", "\t5\r\nhello\r\n"}) {
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

}  // namespace
}  // namespace tegrascope
