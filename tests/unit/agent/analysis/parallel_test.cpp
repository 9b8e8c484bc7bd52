// Placement where a runner works on several requests at once.
#include <gmock/gmock.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

constexpr double kWatts = 12;

void begin(Board& board, RequestId id, double at) {
  board.start(id, at);
  board.describe(id, "qwen2.5:7b", true);
}

TEST(Parallel, AnotherRequestsPromptOnTheCpuIsNoFallback) {
  Board board;
  board.set_slots(2);
  begin(board, 1, 0);
  board.run_until(1, kWatts, 0.95, 0.4);
  board.first(1, 1, 1);
  board.run_until(1.5, kWatts, 0.95, 0.4);
  begin(board, 2, 1.5);
  board.run_until(9, kWatts, 0.02, 5.4);  // the prompt of 2; 1 gets a token now and then
  board.first(2, 9, 1);
  board.end(2, 9, 9.2, 2, 0.2, 7.5);
  board.run_until(9.6, kWatts, 0.95, 0.4);
  board.end(1, 1, 9.6, 12, 8.6);
  board.run_until(14, 5, 0, 0);
  const auto recent = board.snapshot()->recent;
  ASSERT_EQ(recent.size(), 2U);
  EXPECT_NE(board.model().placement, Placement::cpu);
  EXPECT_EQ(board.model().fallbacks.at(ReasonClass::none), 0U);
  // The second before the prompt and after it are the GPU's; the other answer was too short to judge.
  for (const RequestRecord& r : recent)
    EXPECT_EQ(r.verdict.placement, r.id == 1 ? Placement::gpu : Placement::unknown);
}

TEST(Parallel, ADecodeThatWasNeverAloneTellsNothing) {
  Board board;
  board.set_slots(2);
  begin(board, 1, 0);
  board.run_until(1, kWatts, 0.95, 0.4);
  board.first(1, 1, 1);
  begin(board, 2, 1.2);
  board.run_until(9, kWatts, 0.02, 5.4);
  board.first(2, 9, 1);
  board.end(1, 1, 9, 12, 8);
  board.end(2, 9, 9.2, 2, 0.2, 7.8);
  board.run_until(14, 5, 0, 0);
  EXPECT_EQ(board.model().placement, std::nullopt);
  const SnapshotPtr snapshot = board.snapshot();
  ASSERT_EQ(snapshot->recent.size(), 2U);
  EXPECT_THAT(snapshot->recent[0].verdict.explanation, HasSubstr("beside another request's prompt"));
}

TEST(Parallel, WhatTheDecodeDoesAloneDecides) {
  Board board;
  begin(board, 1, 0);
  board.run_until(1, kWatts, 0.02, 5.4);
  board.first(1, 1, 1);
  board.run_until(4, kWatts, 0.95, 0.4);
  begin(board, 2, 4);
  board.run_until(9, kWatts, 0.02, 5.4);
  board.first(2, 9, 1);
  board.run_until(12, kWatts, 0.95, 0.4);
  board.end(2, 9, 12, 30, 3, 5);
  board.end(1, 1, 12, 60, 11);
  board.run_until(15, 5, 0, 0);
  EXPECT_EQ(board.model().placement, Placement::gpu);
  const SnapshotPtr snapshot = board.snapshot();
  for (const RequestRecord& r : snapshot->recent) {
    EXPECT_EQ(r.verdict.placement, Placement::gpu) << r.verdict.explanation;
    EXPECT_THAT(r.verdict.explanation, HasSubstr("GPU 9")) << "the prompts are in it";
  }
}

TEST(Parallel, AFallbackIsSeenThoughOthersAlwaysWait) {
  Board board;
  begin(board, 1, 0);
  begin(board, 2, 0.1);
  begin(board, 3, 0.2);
  board.run_until(2, kWatts, 0.0, 5.5);
  board.first(1, 2, 1);
  board.run_until(12, kWatts, 0.0, 5.5);
  board.end(1, 2, 12, 35, 10);
  board.run_until(13, kWatts, 0.0, 5.5);
  EXPECT_EQ(board.model().placement, Placement::cpu);
}

}  // namespace
}  // namespace tegrascope
