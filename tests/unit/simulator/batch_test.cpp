// What a shared pass costs whom.
#include "simulator/batch.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>

namespace tegrascope::simulator {
namespace {

TEST(ShapleyValues, OfAFixedCostAndOwnCostsAreAnEqualPartAndTheOwnCost) {
  const std::vector<double> own{1, 2, 5};
  const auto values = shapley_values(3, [&](unsigned set) {
    double cost = set == 0 ? 0 : 12;
    for (std::size_t i = 0; i < own.size(); ++i)
      if ((set >> i & 1u) != 0) cost += own[i];
    return cost;
  });
  EXPECT_DOUBLE_EQ(values[0], 5);
  EXPECT_DOUBLE_EQ(values[1], 6);
  EXPECT_DOUBLE_EQ(values[2], 9);
}

TEST(ShapleyValues, OfTheGloveGame) {
  // One left glove, two right ones; only a pair is worth something: 2/3, 1/6, 1/6 (the textbook's answer).
  const auto values =
      shapley_values(3, [](unsigned set) { return (set & 1u) != 0 && (set & 6u) != 0 ? 1.0 : 0.0; });
  EXPECT_NEAR(values[0], 2.0 / 3, 1e-12);
  EXPECT_NEAR(values[1], 1.0 / 6, 1e-12);
  EXPECT_NEAR(values[2], 1.0 / 6, 1e-12);
}

RunnerSpeed speed() { return runner_speed(*find_model("llama3.2:3b"), Placement::gpu, 1); }

TEST(BatchPass, AloneTakesTheTimeAndThePowerOfTheTable) {
  const BatchPass pass = batch_pass(speed(), {{true, 1.0, 0}});
  EXPECT_NEAR(pass.seconds, 1.0 / 30.0, 1e-12);
  EXPECT_NEAR(pass.watts, speed().decode.power.vdd_in - idle_load().power.vdd_in, 1e-12);
  EXPECT_DOUBLE_EQ(pass.shares[0], 1.0);
}

TEST(BatchPass, EightAtOnceDecodeFourTimesAsFast) {
  const std::vector<BatchMember> eight(8, {true, 1.0, 0});
  const BatchPass pass = batch_pass(speed(), eight);
  EXPECT_NEAR(8 / pass.seconds / 30.0, 4.0, 1e-9);
  for (double share : pass.shares) EXPECT_NEAR(share, 1.0 / 8, 1e-12);
}

TEST(BatchPass, SharesAddUpAndFollowTheContext) {
  const BatchPass pass = batch_pass(speed(), {{true, 0.7, 0}, {true, 2.5, 0}, {false, 1.0, 512}});
  EXPECT_NEAR(std::accumulate(pass.shares.begin(), pass.shares.end(), 0.0), 1.0, 1e-12);
  EXPECT_LT(pass.shares[0], pass.shares[1]);
  EXPECT_GT(pass.shares[2], pass.shares[1]);  // the prompt's chunk takes most of the pass
}

}  // namespace
}  // namespace tegrascope::simulator
