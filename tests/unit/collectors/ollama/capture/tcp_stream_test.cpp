#include "collectors/ollama/capture/tcp_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/collectors/ollama/capture/packets.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using namespace test;

MonotonicTime at(Nanoseconds t) { return MonotonicTime(t); }

// What a receiver was told, as text: bytes as they are, [n] a gap of n, | FIN, ! RST; the two directions apart
// and, in `order`, the changes of direction.
struct Story : TcpStreams::Receiver {
  std::array<std::string, 2> text;
  std::string order;
  std::array<std::uint64_t, 2> lost{};
  MonotonicTime last{};
  bool went_back = false;

  void tell(Direction to, const std::string& what, MonotonicTime time) {
    text[static_cast<std::size_t>(to)] += what;
    const char side = to == Direction::to_server ? '>' : '<';
    if (order.empty() || order.back() != side) order += side;
    went_back = went_back || time < last;
    last = time;
  }
  void bytes(Direction to, std::string_view bytes, MonotonicTime time) override {
    tell(to, std::string(bytes), time);
  }
  void gap(Direction to, std::uint64_t n, MonotonicTime time) override {
    lost[static_cast<std::size_t>(to)] += n;
    tell(to, "[" + std::to_string(n) + "]", time);
  }
  void finished(Direction to, MonotonicTime time) override { tell(to, "|", time); }
  void reset(Direction to, MonotonicTime time) override { tell(to, "!", time); }
  std::string asked() const { return text[0]; }
  std::string answered() const { return text[1]; }
};

Direction direction_of(const TcpFields& f) {
  return f.destination_port == 11434 ? Direction::to_server : Direction::to_client;
}

class TcpStreamTest : public testing::Test {
 protected:
  bool add(const TcpFields& f, Nanoseconds time = 1ms) {
    return streams_.add(direction_of(f), segment_of(f), at(time), story_);
  }
  void add_all(const std::vector<TcpFields>& all, Nanoseconds time = 1ms) {
    for (const TcpFields& f : all) add(f, time);
  }
  TcpScript script_;
  TcpStreams streams_;
  Story story_;
};

TEST_F(TcpStreamTest, InOrder) {
  add_all(script_.open());
  add(script_.ask("hello"));
  add(script_.answer("wor"));
  add(script_.answer("ld"));
  add(script_.client_fin());
  EXPECT_FALSE(streams_.closed());
  add(script_.server_fin());
  EXPECT_EQ(story_.asked(), "hello|");
  EXPECT_EQ(story_.answered(), "world|");
  EXPECT_TRUE(streams_.closed());
  EXPECT_EQ(streams_.held_bytes(), 0U);
}

TEST_F(TcpStreamTest, EverySegmentTwiceAndAThirdTimeLate) {
  std::vector<TcpFields> all = script_.open();
  all.push_back(script_.ask("abc"));
  all.push_back(script_.answer("xyz"));
  all.push_back(script_.ask("def"));
  all.push_back(script_.client_fin());
  all.push_back(script_.server_fin());
  for (const TcpFields& f : all) {
    EXPECT_FALSE(streams_.is_successor(direction_of(f), segment_of(f)));
    add(f);
    EXPECT_FALSE(streams_.is_successor(direction_of(f), segment_of(f)))
        << "a copy of the SYN is no new connection";
    EXPECT_FALSE(add(f)) << "a copy is no news";
  }
  for (const TcpFields& f : all) add(f);
  EXPECT_EQ(story_.asked(), "abcdef|");
  EXPECT_EQ(story_.answered(), "xyz|");
}

TEST_F(TcpStreamTest, OverlapsAreTrimmed) {
  add_all(script_.open());
  TcpFields first = script_.ask("abcdef");
  TcpFields second = script_.ask("ghi");
  add(first);
  TcpFields merged = first;  // sent again as one, from its middle on
  merged.sequence += 3;
  merged.payload = "defghi";
  add(merged);
  add(second);
  EXPECT_EQ(story_.asked(), "abcdefghi");
}

TEST_F(TcpStreamTest, OutOfOrderWaits) {
  add_all(script_.open());
  const auto a = script_.ask("a");
  const auto b = script_.ask("b");
  const auto c = script_.ask("c");
  const auto end = script_.client_fin();
  add(end, 4ms);
  add(c, 3ms);
  add(b, 2ms);
  EXPECT_EQ(story_.asked(), "");
  EXPECT_EQ(streams_.oldest_held(), at(2ms));
  streams_.expire(at(2ms), story_);
  EXPECT_EQ(story_.asked(), "") << "not yet";
  add(a, 1ms);
  EXPECT_EQ(story_.asked(), "abc|");
  EXPECT_FALSE(streams_.oldest_held());
}

TEST_F(TcpStreamTest, ARequestIsDeliveredBeforeItsAnswer) {
  add_all(script_.open());
  const auto question = script_.ask("question");
  const auto reply = script_.answer("reply");
  const auto next = script_.ask("next");
  const auto last = script_.answer("last");
  add(last);
  add(next);
  add(reply);
  add(question);
  EXPECT_EQ(story_.order, "><><");
  EXPECT_EQ(story_.asked(), "questionnext");
  EXPECT_EQ(story_.answered(), "replylast");
}

TEST_F(TcpStreamTest, AHoleIsToldBeforeWhatFollowsIt) {
  add_all(script_.open());
  add(script_.ask("q"));
  script_.answer("lost");
  add(script_.answer("tail"), 5ms);
  EXPECT_EQ(story_.answered(), "");
  streams_.expire(at(6ms), story_);
  EXPECT_EQ(story_.answered(), "[4]tail");
  add(script_.answer("more"), 7ms);
  EXPECT_EQ(story_.answered(), "[4]tailmore") << "a hole does not silence the stream";
}

TEST_F(TcpStreamTest, ALostAnswerIsToldBeforeTheNextRequest) {
  add_all(script_.open());
  add(script_.ask("q1"));
  script_.answer("whole answer");
  add(script_.ask("q2"), 5ms);
  add(script_.answer("a2"), 6ms);
  streams_.expire(at(10ms), story_);
  EXPECT_EQ(story_.asked(), "q1q2");
  EXPECT_EQ(story_.answered(), "[12]a2");
  EXPECT_EQ(story_.order, "><><");
}

TEST_F(TcpStreamTest, ALostRequestIsToldBeforeItsAnswer) {
  add_all(script_.open());
  script_.ask("lost");
  add(script_.answer("a"), 5ms);
  streams_.expire(at(10ms), story_);
  EXPECT_EQ(story_.asked(), "[4]");
  EXPECT_EQ(story_.answered(), "a");
  EXPECT_EQ(story_.order, "><");
}

TEST_F(TcpStreamTest, OnlyTheMissingPartOfAHoleIsLost) {
  add_all(script_.open());
  add(script_.ask("q"));
  script_.answer("one");
  const auto two = script_.answer("two");
  script_.answer("three");
  add(two, 2ms);
  add(script_.ask("next"), 3ms);  // acknowledges all of it
  streams_.expire(at(10ms), story_);
  EXPECT_EQ(story_.answered(), "[3]two[5]");
  EXPECT_EQ(story_.asked(), "qnext");
}

TEST_F(TcpStreamTest, JoinedInTheMiddle) {
  script_.open();
  script_.ask("before");
  script_.answer("before");
  add(script_.answer("here"));
  add(script_.ask("next"));
  EXPECT_EQ(story_.answered(), "here");
  EXPECT_EQ(story_.asked(), "next");
  EXPECT_EQ(story_.lost[0] + story_.lost[1], 0U);
}

TEST_F(TcpStreamTest, ALateSynBelongsToTheSameConnection) {
  const auto opening = script_.open();
  add(script_.ask("q"));
  for (const TcpFields& f : opening) {
    EXPECT_FALSE(streams_.is_successor(direction_of(f), segment_of(f)));
    add(f);
  }
  add(script_.answer("a"));
  EXPECT_EQ(story_.asked(), "q");
  EXPECT_EQ(story_.answered(), "a");
}

TEST_F(TcpStreamTest, ASynWithAnotherNumberIsAnotherConnection) {
  add_all(script_.open());
  add(script_.ask("q"));
  TcpScript again(40000, 77777);
  EXPECT_TRUE(streams_.is_successor(Direction::to_server, segment_of(again.open()[0])));
}

TEST_F(TcpStreamTest, SequenceNumbersWrapAround) {
  script_ = TcpScript(40000, 0xfffffffaU, 0xffffffffU);
  add_all(script_.open());
  const auto a = script_.ask("0123456789");
  const auto b = script_.ask("abc");
  const auto c = script_.answer("xyz");
  add(c, 3ms);
  add(b, 2ms);
  add(a, 1ms);
  add(a, 4ms);
  EXPECT_EQ(story_.asked(), "0123456789abc");
  EXPECT_EQ(story_.answered(), "xyz");
}

TEST_F(TcpStreamTest, AResetEndsIt) {
  add_all(script_.open());
  add(script_.ask("q"));
  add(script_.client_reset());
  EXPECT_EQ(story_.asked(), "q!");
  EXPECT_TRUE(streams_.closed());
  EXPECT_FALSE(add(script_.answer("late")));
  EXPECT_EQ(story_.answered(), "");
}

TEST_F(TcpStreamTest, AKeepAliveProbeIsNoData) {
  add_all(script_.open());
  const auto q = script_.ask("q");
  add(q);
  TcpFields probe = q;
  probe.payload = std::string(1, '\0');
  EXPECT_FALSE(add(probe));
  EXPECT_EQ(story_.asked(), "q");
}

TEST_F(TcpStreamTest, AFrameThatWasCutLeavesAGap) {
  add_all(script_.open());
  const auto whole = script_.ask("0123456789");
  TcpSegment cut = segment_of(whole);
  cut.payload = cut.payload.substr(0, 4);
  streams_.add(Direction::to_server, cut, at(1ms), story_);
  add(script_.ask("next"));
  EXPECT_EQ(story_.asked(), "0123[6]next");
}

TEST_F(TcpStreamTest, MemoryIsBounded) {
  add_all(script_.open());
  add(script_.ask("q"));
  script_.answer("lost");
  const std::string block(64 * 1024, 'x');
  for (int i = 0; i < 100; ++i) {
    add(script_.answer(block));
    EXPECT_LE(streams_.held_bytes(), TcpStreams::kMaxHeldBytes);
  }
  EXPECT_EQ(story_.lost[1], 4U);
  EXPECT_EQ(story_.answered().size(), 3 + 100 * block.size());
  script_.answer("lost");
  for (int i = 0; i < 1000; ++i) add(script_.answer("x"));
  EXPECT_EQ(story_.lost[1], 8U) << "many small segments are bounded as well";
}

TEST_F(TcpStreamTest, EachWaitingForTheOtherIsResolved) {
  add_all(script_.open());
  TcpFields mine = script_.ask("aaaa");
  TcpFields theirs = script_.answer("bbbb");
  mine.acknowledgement += 4;  // sent again, after theirs had come
  add(mine, 1ms);
  add(theirs, 2ms);
  streams_.expire(at(10ms), story_);
  EXPECT_NE(story_.asked().find("aaaa"), std::string::npos);
  EXPECT_NE(story_.answered().find("bbbb"), std::string::npos);
  EXPECT_FALSE(streams_.oldest_held());
}

TEST_F(TcpStreamTest, TimesNeverGoBack) {
  add_all(script_.open());
  const auto a = script_.ask("a");
  const auto b = script_.ask("b");
  add(b, 5ms);
  add(a, 9ms);
  add(script_.answer("x"), 7ms);
  EXPECT_FALSE(story_.went_back);
}

// Random conversations, cut, repeated, merged and shuffled: what is delivered is what was said.
TEST(TcpStreams, RandomTrafficIsPutBackTogether) {
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    TcpScript script(40000, random(), random());
    std::vector<TcpFields> sent = script.open();
    std::string asked;
    std::string answered;
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (unsigned n = 1 + below(30); n > 0; --n) text += static_cast<char>('a' + below(26));
      const bool to_server = below(3) == 0;
      (to_server ? asked : answered) += text;
      sent.push_back(to_server ? script.ask(text) : script.answer(text));
      if (below(5) == 0) sent.push_back(sent[2 + below(static_cast<unsigned>(sent.size()) - 2)]);
    }
    sent.push_back(script.client_fin());
    sent.push_back(script.server_fin());
    for (std::size_t i = 2; i < sent.size(); ++i) {
      std::swap(sent[i], sent[std::min(sent.size() - 1, i + below(6))]);
    }
    const bool lossy = round % 3 == 0;
    Story story;
    TcpStreams streams;
    std::size_t lost = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (lossy && i > 1 && below(20) == 0) {
        ++lost;
        continue;
      }
      streams.add(direction_of(sent[i]), segment_of(sent[i]), at(std::chrono::milliseconds(i)), story);
    }
    streams.expire(at(1h), story);
    ASSERT_FALSE(streams.oldest_held());
    ASSERT_FALSE(story.went_back);
    if (lossy) continue;
    ASSERT_EQ(story.asked(), asked + "|") << round;
    ASSERT_EQ(story.answered(), answered + "|") << round;
    ASSERT_TRUE(streams.closed());
  }
}

}  // namespace
}  // namespace tegrascope
