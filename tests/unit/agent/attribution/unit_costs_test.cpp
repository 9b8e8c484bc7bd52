#include "agent/attribution/unit_costs.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

const ModelKey kModel{"127.0.0.1:11434", "qwen2.5:7b"};

TEST(UnitCosts, AreUnknownUntilTwoRequestsWereSeen) {
  UnitCosts costs;
  costs.learn(kModel, Phase::decode, 50, 50);
  EXPECT_FALSE(costs.joules_per_unit(kModel, Phase::decode));
  costs.learn(kModel, Phase::decode, 50, 50);
  EXPECT_DOUBLE_EQ(costs.joules_per_unit(kModel, Phase::decode).value(), 1.0);
  EXPECT_FALSE(costs.joules_per_unit(kModel, Phase::prefill));
  EXPECT_FALSE(costs.joules_per_unit({"127.0.0.1:11434", "other"}, Phase::decode));
}

TEST(UnitCosts, AreTheMedianOfTheLastRequests) {
  UnitCosts costs;
  for (int i = 0; i < 15; ++i) costs.learn(kModel, Phase::decode, i == 3 ? 900 : 2, 1);
  EXPECT_DOUBLE_EQ(costs.joules_per_unit(kModel, Phase::decode).value(), 2.0);
  for (int i = 0; i < 15; ++i) costs.learn(kModel, Phase::decode, 3, 1);
  EXPECT_DOUBLE_EQ(costs.joules_per_unit(kModel, Phase::decode).value(), 3.0);
}

TEST(UnitCosts, LearnNothingFromNothing) {
  UnitCosts costs;
  for (int i = 0; i < 5; ++i) {
    costs.learn(kModel, Phase::decode, 5, 0);
    costs.learn(kModel, Phase::decode, 0, 5);
    costs.learn(kModel, Phase::queue, 5, 5);
  }
  EXPECT_FALSE(costs.joules_per_unit(kModel, Phase::decode));
  EXPECT_FALSE(costs.joules_per_unit(kModel, Phase::queue));
}

}  // namespace
}  // namespace tegrascope
