// What the analysis keeps is bounded in number, whatever comes in: docs/architecture.md, "What the analysis holds".
#include <gtest/gtest.h>

#include "agent/analysis/board_watch.hpp"
#include "agent/attribution/error_budget.hpp"
#include "agent/attribution/open_request.hpp"
#include "agent/attribution/sample_curve.hpp"
#include "agent/attribution/unit_costs.hpp"
#include "agent/placement/rate_history.hpp"
#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

ModelKey numbered(int i) { return {kServer, "model" + std::to_string(i)}; }

TEST(Bounds, CurvesKeepTheNewestSamples) {
  SampleCurve watts(0s, 3s);
  CounterCurve cpu(3s);
  for (int i = 0; i < 20'000; ++i) {
    watts.add(t(i * 0.1), 5);
    cpu.add(t(i * 0.1), from_seconds(i * 0.05));
  }
  EXPECT_EQ(watts.count(t(-1), t(3000)), 16384);
  EXPECT_EQ(watts.first(), t((20'000 - 16384) * 0.1));
  EXPECT_EQ(cpu.first(), t((20'000 - 16384) * 0.1));
}

TEST(Bounds, WhatARequestToldOfItsTokensIsThinnedOut) {
  OpenRequest request;
  for (int i = 0; i < 100'000; ++i) request.tell_tokens(i, t(i * 0.2));
  EXPECT_LE(request.told.size(), 4096u);
  EXPECT_EQ(request.tokens(), 99'999);
}

TEST(Bounds, WhatIsLearnedIsOfTheModelsThatWereUsedLast) {
  SampleNoise noise;
  UnitCosts costs;
  RateHistory rates;
  for (int i = 0; i < 1000; ++i) {
    noise.learn(numbered(i), Phase::decode, {900.0, 100});
    costs.learn_decode(numbered(i), 0.5, 100, 50);
    RateKey key{kServer, numbered(i).model, "", "", "", 7, 0, 0};
    rates.learn(key, 10, 1.0);
  }
  EXPECT_LE(costs.decode_costs().size(), 64u);
  std::vector<LearnedSeries> series;
  rates.save(series);
  EXPECT_EQ(series.size(), 2 * 100u) << "rate and joules";
  EXPECT_DOUBLE_EQ(noise.variance(numbered(0), Phase::decode, {}, 1), 1) << "forgotten";
  EXPECT_DOUBLE_EQ(noise.variance(numbered(1000 - 129), Phase::decode, {}, 1), 1);
  EXPECT_GT(noise.variance(numbered(1000 - 128), Phase::decode, {}, 1), 5);
}

TEST(Bounds, BoardWatchForgetsTheOldest) {
  BoardWatch board;
  board.add({Signal::throttled, "", "thermal", 1, t(0)});
  EXPECT_TRUE(board.throttled(t(0), t(0)));
  for (int i = 1; i <= 1200; ++i) board.add({Signal::throttled, "", "thermal", 0, t(i)});
  EXPECT_FALSE(board.throttled(t(0), t(0)));
}

// One that never ends keeps no more slices waiting than that: the oldest are booked.
TEST(Bounds, SlicesWait) {
  AttributionOptions options;
  options.max_pending_slices = 100;
  options.unresolved_limit = std::chrono::hours(10);
  Attribution attribution(options);
  ObservedRequest endless;
  endless.started = t(1);
  attribution.open(1, endless, numbered(1));
  for (int i = 0; i < 1000; ++i) {
    attribution.sensors().add_power(t(i), 10);
    attribution.advance(t(i));
  }
  const LedgerView& ledger = attribution.ledger().totals();
  EXPECT_LE(ledger.pending_energy_nj, 100 * 10'000'000'000);
  EXPECT_GT(ledger.pending_energy_nj, 40 * 10'000'000'000) << "slices are a second long at most";
  EXPECT_TRUE(attribution.ledger().balanced());
}

TEST(Bounds, AFloodOfNamesAndRequestsLeavesNothingBehind) {
  Board board;
  board.run_until(5, 5, 0, 0);
  RequestId id = 0;
  for (int i = 0; i < 2000; ++i) {
    board.start(++id, board.now());
    board.describe(id, "invented" + std::to_string(i), false);
    board.end(id, board.now(), board.now() + 0.001, 1, 0.001);
    if (i % 10 == 0) board.run_until(board.now() + 0.1, 15, 0.9, 1);
  }
  board.run_until(board.now() + 10, 5, 0, 0);
  const SnapshotPtr snapshot = board.snapshot();
  EXPECT_LE(snapshot->models.size(), 16u + 2) << "other, unknown";
  EXPECT_EQ(snapshot->recent.size(), 64u);
  EXPECT_LE(snapshot->events.size(), 64u);
  EXPECT_LE(snapshot->closed_accounts.size(), 0u);
  EXPECT_EQ(board.booked(), 2000) << "none is held";
  EXPECT_FALSE(board.analysis().busy());
  EXPECT_EQ(board.analysis().attribution().ledger().totals().pending_energy_nj, 0);
}

}  // namespace
}  // namespace tegrascope
