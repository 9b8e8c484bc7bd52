#include "agent/attribution/unit_costs.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

const ModelKey kModel{"127.0.0.1:11434", "m"};

PassSums passes(double count, double joules, double seconds, double context = 0) {
  return {count, count * joules, count * seconds, count * context};
}

TEST(UnitCosts, AreUnknownBeforeEnoughPassesWereSeen) {
  UnitCosts costs;
  costs.learn_passes(kModel, 1, passes(19, 0.5, 0.1));
  EXPECT_FALSE(costs.token_joules(kModel, 1, std::nullopt));
  costs.learn_passes(kModel, 1, passes(1, 0.5, 0.1));
  EXPECT_DOUBLE_EQ(costs.token_joules(kModel, 1, std::nullopt).value(), 0.5);
  EXPECT_DOUBLE_EQ(costs.pass_seconds(kModel, 1).value(), 0.1);
  EXPECT_FALSE(costs.pass_seconds({"127.0.0.1:11434", "other"}, 1));
}

TEST(UnitCosts, WeightsAreReadOncePerPassHoweverManyAreInIt) {
  UnitCosts costs;
  costs.learn_passes(kModel, 1, passes(100, 0.6, 0.1));
  EXPECT_DOUBLE_EQ(costs.token_joules(kModel, 3, std::nullopt).value(), 0.2) << "nothing else known yet";
  costs.learn_passes(kModel, 5, passes(100, 1.0, 0.2));
  EXPECT_DOUBLE_EQ(costs.token_joules(kModel, 5, std::nullopt).value(), 0.2);
  EXPECT_DOUBLE_EQ(costs.token_joules(kModel, 3, std::nullopt).value(), 0.8 / 3) << "between its neighbours";
}

TEST(UnitCosts, ContextIsPaidByItsRequest) {
  UnitCosts costs;
  for (int i = 0; i < 20; ++i) {
    const double context = 100.0 * (i % 10);
    costs.learn_decode(kModel, 0.4 + 0.0002 * context, context, 100);
  }
  costs.learn_passes(kModel, 2, passes(100, 0.5 + 0.0002 * 1000, 0.1, 1000));
  EXPECT_NEAR(costs.token_joules(kModel, 2, 0.0).value(), 0.25, 1e-6);
  EXPECT_NEAR(costs.token_joules(kModel, 2, 1000.0).value(), 0.45, 1e-6);
}

TEST(UnitCosts, ContextsAllAlikeTeachNothingOfTheirCost) {
  ContextFit fit;
  for (int i = 0; i < 50; ++i) fit.add(500 + i % 3, 0.5 + 0.1 * (i % 3), 100);
  EXPECT_EQ(fit.slope(), 0);
}

TEST(UnitCosts, AreForgotten) {
  UnitCosts costs;
  costs.learn_passes(kModel, 1, passes(100, 0.6, 0.1));
  for (int i = 0; i < 3; ++i) costs.learn(kModel, Phase::prefill, 9);
  EXPECT_TRUE(costs.watts(kModel, Phase::prefill));
  costs.forget();
  EXPECT_FALSE(costs.token_joules(kModel, 1, std::nullopt));
  EXPECT_FALSE(costs.watts(kModel, Phase::prefill));
}

}  // namespace
}  // namespace tegrascope
