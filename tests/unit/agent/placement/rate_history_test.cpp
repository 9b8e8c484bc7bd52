#include "agent/placement/rate_history.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

RateKey key(int mode = 1) {
  RateKey k;
  k.model = "qwen2.5:7b";
  k.power_mode = mode;
  return k;
}

TEST(RateHistory, SaysNothingBelowTenRequests) {
  RateHistory history;
  for (int i = 0; i < 9; ++i) history.learn(key(), 9.3, 1.2);
  EXPECT_FALSE(history.rate_ratio(key(), 4));
  EXPECT_FALSE(history.joules_unusual(key(), 4));
  history.learn(key(), 9.3, 1.2);
  EXPECT_NEAR(history.rate_ratio(key(), 4.65).value(), 0.5, 1e-9);
}

TEST(RateHistory, OtherConditionsAreAnotherHistory) {
  RateHistory history;
  for (int i = 0; i < 20; ++i) history.learn(key(1), 9.3, 1.2);
  EXPECT_FALSE(history.rate_ratio(key(3), 4));
}

TEST(RateHistory, HoldsJoulesAgainstTheirOwnSpread) {
  RateHistory history;
  for (int i = 0; i < 20; ++i) history.learn(key(), 9.3, 1.0 + 0.01 * (i % 5));
  EXPECT_EQ(history.joules_unusual(key(), 1.03), false);
  EXPECT_EQ(history.joules_unusual(key(), 1.5), true);
}

}  // namespace
}  // namespace tegrascope
