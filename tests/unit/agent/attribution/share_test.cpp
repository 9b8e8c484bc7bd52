#include "agent/attribution/share.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace tegrascope {
namespace {

std::int64_t sum(const std::vector<std::int64_t>& v) {
  return std::accumulate(v.begin(), v.end(), std::int64_t{0});
}

TEST(SplitByWeight, GivesTheRemainderToTheLargestFractions) {
  EXPECT_EQ(split_by_weight(10, std::vector<double>{1, 1, 1}), (std::vector<std::int64_t>{4, 3, 3}));
  EXPECT_EQ(split_by_weight(10, std::vector<double>{1, 2}), (std::vector<std::int64_t>{3, 7}));
}

TEST(SplitByWeight, AllZeroWeightsMeanEqualParts) {
  EXPECT_EQ(split_by_weight(4, std::vector<double>{0, 0}), (std::vector<std::int64_t>{2, 2}));
}

TEST(SplitByWeight, AZeroWeightGetsNothingBesideAPositiveOne) {
  EXPECT_EQ(split_by_weight(7, std::vector<double>{0, 3, 0}), (std::vector<std::int64_t>{0, 7, 0}));
}

TEST(SplitByWeight, NothingToSplitOrNobodyToGetIt) {
  EXPECT_EQ(split_by_weight(0, std::vector<double>{1, 2}), (std::vector<std::int64_t>{0, 0}));
  EXPECT_TRUE(split_by_weight(5, {}).empty());
}

TEST(SplitByWeight, AddsUpBeyondThePrecisionOfADouble) {
  const std::int64_t total = std::numeric_limits<std::int64_t>::max() / 3;
  for (std::size_t n = 1; n < 9; ++n) {
    const std::vector<double> weights(n, 0.1);
    const auto parts = split_by_weight(total, weights);
    EXPECT_EQ(sum(parts), total);
    for (auto p : parts) EXPECT_GE(p, 0);
  }
}

}  // namespace
}  // namespace tegrascope
