#include "collectors/ollama/log/log_pace.hpp"

#include <gtest/gtest.h>

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kNow{100s};

TEST(LogPace, ANewLogIsPolledAtOnce) { EXPECT_LE(LogPace(1s).next(), MonotonicTime{}); }

TEST(LogPace, ALogThatCannotTellIsPolledEachInterval) {
  LogPace pace(1s);
  pace.polled(kNow, false, false);
  EXPECT_EQ(pace.next(), kNow + 1s);
  EXPECT_FALSE(pace.listens());
}

TEST(LogPace, AQuietLogIsLeftAlone) {
  LogPace pace(1s);
  pace.polled(kNow, false, true);
  EXPECT_EQ(pace.next(), kNow + 30s);
  EXPECT_TRUE(pace.listens());
}

TEST(LogPace, AChangedOneIsPolledAtOnceButNotMoreOftenThanTheInterval) {
  LogPace pace(1s);
  pace.polled(kNow, false, true);
  pace.changed();
  EXPECT_EQ(pace.next(), kNow + 1s);
  EXPECT_FALSE(pace.listens()) << "further changes make no difference";
  pace.polled(kNow + 1s, false, true);
  EXPECT_TRUE(pace.listens());
  EXPECT_EQ(pace.next(), kNow + 31s);
}

TEST(LogPace, MoreToReadWaitsForNothing) {
  LogPace pace(1s);
  pace.polled(kNow, true, true);
  EXPECT_EQ(pace.next(), kNow);
  EXPECT_FALSE(pace.listens());
}

}  // namespace
}  // namespace tegrascope::test
