#include "agent/attribution/windows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;

MonotonicTime at(Nanoseconds since_zero) { return MonotonicTime{since_zero}; }

ObservedRequest streamed_chat() {
  ObservedRequest r;
  r.witness = Witness::relay;
  r.operation = Operation::chat;
  r.streamed = true;
  r.started = at(10s);
  r.first_content = at(14s);
  r.ended = at(20s);
  r.counts = FinalCounts{};
  r.counts->total_duration = 10s;
  r.counts->load_duration = 2s;
  r.counts->prompt_eval_duration = 1s;
  r.counts->eval_duration = 6s;
  return r;
}

void expect_window(const PhaseWindow& w, Phase phase, MonotonicTime begin, MonotonicTime end) {
  EXPECT_EQ(w.phase, phase);
  EXPECT_EQ(w.begin, begin);
  EXPECT_EQ(w.end, end);
}

Nanoseconds total(const RequestWindows& windows) {
  Nanoseconds sum{};
  for (const auto& w : windows.windows) sum += w.end - w.begin;
  return sum;
}

TEST(CutWindows, PlacesDecodeAndPrefillBackFromTheEnd) {
  const auto w = cut_windows(streamed_chat());
  ASSERT_EQ(w.windows.size(), 4u);
  expect_window(w.windows[0], Phase::load, at(10s), at(12s));
  expect_window(w.windows[1], Phase::queue, at(12s), at(13s));
  expect_window(w.windows[2], Phase::prefill, at(13s), at(14s));
  expect_window(w.windows[3], Phase::decode, at(14s), at(20s));
  EXPECT_THAT(w.reasons, testing::ElementsAre("load_not_split"));
}

TEST(CutWindows, TheWaitForAnEvictionIsNoLoad) {
  ObservedRequest r = streamed_chat();
  r.load_began = at(10500ms);
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 5u);
  expect_window(w.windows[0], Phase::queue, at(10s), at(10500ms));
  expect_window(w.windows[1], Phase::load, at(10500ms), at(12s));
  EXPECT_TRUE(w.reasons.empty());
  EXPECT_EQ(total(w), 10s);
}

TEST(CutWindows, ALoadOfAnotherRequestIsWaiting) {
  ObservedRequest r = streamed_chat();
  r.load_began = at(9s);
  r.load_of_another = true;
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 4u);
  expect_window(w.windows[0], Phase::queue, at(10s), at(12s));
}

TEST(CutWindows, AModelThatWasThereIsLookedUp) {
  ObservedRequest r = streamed_chat();
  r.counts->load_duration = 30ms;
  r.load_of_another = true;
  const auto w = cut_windows(r);
  expect_window(w.windows.at(0), Phase::load, at(10s), at(10030ms));
  EXPECT_TRUE(w.reasons.empty());
}

TEST(CutWindows, WithoutDurationsTheWaitBeforeTheRunnerIsStillKnown) {
  ObservedRequest r = streamed_chat();
  r.counts.reset();
  r.load_began = at(11s);
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 3u);
  expect_window(w.windows[0], Phase::queue, at(10s), at(11s));
  expect_window(w.windows[1], Phase::prefill, at(11s), at(14s));
}

TEST(CutWindows, AddsUpToTheNanosecondWhateverTheServerSays) {
  for (const Nanoseconds extra : {-7s, -1s, 0s, 3s, 30s}) {
    ObservedRequest r = streamed_chat();
    *r.counts->load_duration += extra + 17ns;
    *r.counts->eval_duration += extra / 2;
    EXPECT_EQ(total(cut_windows(r)), r.ended - r.started) << extra.count();
  }
}

TEST(CutWindows, FlagsDurationsThatDoNotFit) {
  ObservedRequest r = streamed_chat();
  r.counts->eval_duration = 30s;
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 1u);
  expect_window(w.windows[0], Phase::decode, at(10s), at(20s));
  EXPECT_THAT(w.reasons, Contains("clock_mismatch"));
}

TEST(CutWindows, ImpossibleDurationsOverflowNothing) {
  constexpr Nanoseconds kMost{std::numeric_limits<std::int64_t>::max()};
  constexpr Nanoseconds kLeast{std::numeric_limits<std::int64_t>::min()};
  for (const Nanoseconds d : {kMost, kLeast, Nanoseconds{-1}}) {
    ObservedRequest r = streamed_chat();
    r.counts->load_duration = r.counts->eval_duration = r.counts->prompt_eval_duration = d;
    const auto w = cut_windows(r);
    EXPECT_EQ(total(w), r.ended - r.started);
    for (const auto& window : w.windows) EXPECT_GT(window.end, window.begin);
  }
}

TEST(CutWindows, OpenAiStreamHasNoDurations) {
  ObservedRequest r = streamed_chat();
  r.counts = FinalCounts{};
  r.counts->output_tokens = 18;
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 2u);
  expect_window(w.windows[0], Phase::prefill, at(10s), at(14s));
  expect_window(w.windows[1], Phase::decode, at(14s), at(20s));
  EXPECT_THAT(w.reasons, Contains("no_durations"));
}

TEST(CutWindows, NotStreamedWithoutDurationsIsUnknown) {
  ObservedRequest r = streamed_chat();
  r.streamed = false;
  r.counts.reset();
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 1u);
  EXPECT_EQ(w.windows[0].phase, Phase::unknown);
}

TEST(CutWindows, NotStreamedWithDurationsIsCutAsAStream) {
  ObservedRequest r = streamed_chat();
  r.streamed = false;
  r.first_content = r.ended;
  EXPECT_EQ(cut_windows(r).windows.size(), 4u);
}

TEST(CutWindows, ACancelledStreamEndsAtTheDisconnect) {
  ObservedRequest r = streamed_chat();
  r.counts.reset();
  r.outcome = Outcome::client_aborted;
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 2u);
  EXPECT_EQ(w.windows[1].phase, Phase::decode);
  EXPECT_THAT(w.reasons, Contains("incomplete"));
}

TEST(CutWindows, AnEmbeddingIsPrefillAfterItsLoad) {
  ObservedRequest r = streamed_chat();
  r.operation = Operation::embed;
  r.streamed = false;
  r.counts->prompt_eval_duration.reset();
  r.counts->eval_duration.reset();
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 2u);
  expect_window(w.windows[0], Phase::load, at(10s), at(12s));
  expect_window(w.windows[1], Phase::prefill, at(12s), at(20s));
  EXPECT_THAT(w.reasons, Not(Contains("no_durations")));
}

TEST(CutWindows, ALoadOnlyRequestIsAllLoad) {
  ObservedRequest r = streamed_chat();
  r.counts = FinalCounts{};
  r.counts->done_reason = "load";
  const auto w = cut_windows(r);
  ASSERT_EQ(w.windows.size(), 1u);
  expect_window(w.windows[0], Phase::load, at(10s), at(20s));
}

TEST(CutWindows, ARequestOfNoTimeHasNoWindow) {
  ObservedRequest r = streamed_chat();
  r.ended = r.started;
  EXPECT_TRUE(cut_windows(r).windows.empty());
}

}  // namespace
}  // namespace tegrascope
