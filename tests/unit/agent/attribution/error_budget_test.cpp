#include "agent/attribution/error_budget.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

const ModelKey kModel{"127.0.0.1:11434", "qwen2.5:7b"};

double sum(const ErrorBudget& budget) {
  double all = 0;
  for (const auto& [phase, weight] : budget.sample_weights()) all += weight;
  return all;
}

TEST(ErrorBudget, ASampleThatTwoSlicesRestOnCountsOnce) {
  ErrorBudget budget;
  budget.rest_on({1, 2, 0.5, 0.5}, 1, Phase::decode);
  budget.rest_on({2, 3, 0.5, 0.5}, 1, Phase::decode);
  EXPECT_DOUBLE_EQ(sum(budget), 0.25 + 1 + 0.25);
}

TEST(ErrorBudget, WhatAveragingUndoesCancelsButAtTheEnds) {
  ErrorBudget budget;
  constexpr double kTau = 3.4;
  for (std::uint64_t i = 0; i < 50; ++i)
    budget.rest_on({i, i + 1, 0.05 - kTau, 0.05 + kTau}, 1, Phase::decode);
  EXPECT_NEAR(sum(budget), 2 * kTau * kTau, 0.05 * kTau * kTau);
}

TEST(ErrorBudget, APartOfASliceRestsOnAPartOfItsSamples) {
  ErrorBudget budget;
  budget.rest_on({1, 2, 1, 0}, 0.5, Phase::prefill);
  EXPECT_DOUBLE_EQ(budget.sample_weights().at(Phase::prefill), 0.25);
}

TEST(ErrorBudget, GuessesAndSplitsOfARequestAreAllOneWay) {
  ErrorBudget budget;
  for (int i = 0; i < 4; ++i) {
    budget.guess(0.5);
    budget.split(0.25);
  }
  EXPECT_DOUBLE_EQ(budget.guessed_joules(), 2);
  EXPECT_DOUBLE_EQ(budget.split_joules(), 1);
}

TEST(SampleNoise, LearnsWhatASampleStrays) {
  SampleNoise noise;
  EXPECT_DOUBLE_EQ(noise.variance(kModel, Phase::decode, {}, 4), 4);
  for (int i = 0; i < 10; ++i) noise.learn(kModel, Phase::decode, {25, 100});
  EXPECT_NEAR(noise.variance(kModel, Phase::decode, {}, 4), 0.25, 0.02);
  EXPECT_NEAR(noise.variance(kModel, Phase::decode, {1000, 1000}, 4), 1, 0.02) << "its own samples say more";
  EXPECT_DOUBLE_EQ(noise.variance(kModel, Phase::prefill, {}, 4), 4);
}

}  // namespace
}  // namespace tegrascope
