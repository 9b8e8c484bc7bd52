#include "collectors/ollama/seen_requests.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr const char* kHead = "POST /api/chat HTTP/1.1\r\nHost: a:1\r\nContent-Length: 20\r\n\r\n";
MonotonicTime at(Nanoseconds t) { return MonotonicTime(t); }

TEST(SeenRequests, AreMatchedOneToOne) {
  SeenRequests seen;
  EXPECT_FALSE(seen.claim("s", kHead, at(1s)));
  seen.announce("s", kHead, at(1s));
  seen.announce("s", kHead, at(1s));
  EXPECT_TRUE(seen.claim("s", kHead, at(1s)));
  EXPECT_TRUE(seen.claim("s", kHead, at(1s)));
  EXPECT_FALSE(seen.claim("s", kHead, at(1s))) << "the third came another way";
}

TEST(SeenRequests, TheHostFieldMayDiffer) {
  SeenRequests seen;
  seen.announce("s", kHead, at(1s));
  EXPECT_FALSE(seen.claim("s", "POST /api/chat HTTP/1.1\r\nHost: a:1\r\nContent-Length: 21\r\n\r\n", at(1s)));
  EXPECT_FALSE(seen.claim("other", kHead, at(1s)));
  EXPECT_TRUE(
      seen.claim("s", "POST /api/chat HTTP/1.1\r\nhOst: b:2222\r\nContent-Length: 20\r\n\r\n", at(1s)));
}

TEST(SeenRequests, AreForgottenAndBounded) {
  SeenRequests seen;
  seen.announce("s", kHead, at(1s));
  EXPECT_FALSE(seen.claim("s", kHead, at(1s) + SeenRequests::kMemory + 1ms));
  seen.announce("s", "first", at(10s));
  for (std::size_t i = 0; i < SeenRequests::kMaxWaiting; ++i) seen.announce("s", kHead, at(10s));
  EXPECT_FALSE(seen.claim("s", "first", at(10s)));
  EXPECT_TRUE(seen.claim("s", kHead, at(10s)));
}

}  // namespace
}  // namespace tegrascope
