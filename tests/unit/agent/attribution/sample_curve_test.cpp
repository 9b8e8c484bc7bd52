#include "agent/attribution/sample_curve.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

SampleCurve ramp() {
  SampleCurve curve(0ns, 3s);
  curve.add(t(0), 4);
  curve.add(t(1), 8);
  curve.add(t(2), 8);
  return curve;
}

TEST(SampleCurve, InterpolatesBetweenSamples) {
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0), t(1), {}), 6);
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0.5), t(1), {}), 7);
}

TEST(SampleCurve, HoldsEachSideUpToABoundary) {
  const std::vector<MonotonicTime> boundary{t(0.25)};
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0), t(0.25), boundary), 4);
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0.25), t(1), boundary), 8);
}

TEST(SampleCurve, TakesTheNeighboursMeanBetweenTwoBoundaries) {
  const std::vector<MonotonicTime> boundaries{t(0.25), t(0.75)};
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0.25), t(0.75), boundaries), 6);
}

TEST(SampleCurve, ABoundaryAtASampleChangesNothing) {
  const std::vector<MonotonicTime> boundaries{t(0), t(1)};
  EXPECT_DOUBLE_EQ(*ramp().mean_between_samples(t(0), t(1), boundaries), 6);
}

TEST(SampleCurve, NothingIsKnownOutsideOrAcrossAGap) {
  SampleCurve curve(0ns, 3s);
  curve.add(t(0), 4);
  curve.add(t(5), 4);
  EXPECT_FALSE(curve.mean_between_samples(t(1), t(2), {}));
  EXPECT_FALSE(ramp().mean_between_samples(t(2), t(3), {}));
  EXPECT_FALSE(ramp().mean_between_samples(t(-1), t(0), {}));
  EXPECT_FALSE(curve.mean_over(t(0), t(5)));
}

TEST(SampleCurve, TakesTheLagOffEachTime) {
  SampleCurve curve(142ms, 3s);
  curve.add(t(1), 0.5);
  EXPECT_EQ(curve.last(), t(0.858));
}

TEST(SampleCurve, IgnoresSamplesOutOfOrder) {
  SampleCurve curve = ramp();
  curve.add(t(1.5), 100);
  EXPECT_EQ(curve.last(), t(2));
  EXPECT_DOUBLE_EQ(*curve.latest(), 8);
}

TEST(SampleCurve, MeanOverAWindowSaysHowMuchItRestsOn) {
  const auto mean = ramp().mean_over(t(0.5), t(10));
  ASSERT_TRUE(mean);
  EXPECT_EQ(mean->covered, 1500ms);
  EXPECT_EQ(mean->samples, 2);
  EXPECT_DOUBLE_EQ(mean->mean, (7 * 0.5 + 8 * 1.0) / 1.5);
}

TEST(CounterCurve, GrowsLinearlyBetweenSamples) {
  CounterCurve curve(3s);
  curve.add(t(0), 0s);
  curve.add(t(1), 1s);
  curve.add(t(2), 5s);
  EXPECT_EQ(curve.growth(t(0.5), t(1.5)), 2500ms);
  EXPECT_FALSE(curve.growth(t(1.5), t(2.5)));
  EXPECT_EQ(curve.growth_extrapolated(t(2), t(2.5)), 2s);
}

TEST(CounterCurve, StartsAgainWhenTheCounterFellBack) {
  CounterCurve curve(3s);
  curve.add(t(0), 9s);
  curve.add(t(1), 10s);
  curve.add(t(2), 1s);
  EXPECT_FALSE(curve.growth(t(1), t(2)));
  curve.add(t(3), 2s);
  EXPECT_EQ(curve.growth(t(2), t(3)), 1s);
}

TEST(SampleCurve, SaysWhereOnlyAGuessIsPossible) {
  const std::vector<MonotonicTime> boundaries{t(0.25), t(0.75)};
  EXPECT_TRUE(ramp().unsampled(t(0.25), t(0.75), boundaries));
  EXPECT_FALSE(ramp().unsampled(t(0), t(0.25), boundaries));
  EXPECT_FALSE(ramp().unsampled(t(0.75), t(1), boundaries));
  EXPECT_FALSE(ramp().unsampled(t(0), t(1), {}));
  EXPECT_FALSE(ramp().unsampled(t(0.25), t(1), std::vector{t(0.25)}));
}

TEST(SampleCurve, SaysWhichSamplesAnEnergyRestsOn) {
  const std::vector<MonotonicTime> boundary{t(0.25)};
  const auto held = *ramp().weights(t(0.25), t(1), boundary);
  EXPECT_EQ(held.left_seconds, 0);
  EXPECT_DOUBLE_EQ(held.right_seconds, 0.75);
  const auto line = *ramp().weights(t(0), t(0.5), {});
  EXPECT_DOUBLE_EQ(line.left_seconds * 4 + line.right_seconds * 8, 0.5 * 5) << "4 W at 0 s, 6 W at 0.5 s";
  EXPECT_EQ(line.right, line.left + 1);
}

TEST(SampleCurve, SpacingCountsTheSamplesNextToTheWindow) {
  EXPECT_EQ(ramp().spacing(t(0.2), t(0.4)), 1s);
  EXPECT_EQ(ramp().spacing(t(0.5), t(1.5)), 1s);
  EXPECT_FALSE(ramp().spacing(t(0.5), t(2.5)));
}

TEST(SampleCurve, RoughnessIsTheVarianceOfASample) {
  SampleCurve curve(0ns, 3s);
  for (int i = 0; i < 100; ++i) curve.add(t(i), 10 + (i % 2 == 0 ? 0.5 : -0.5));
  const Roughness seen = curve.roughness(t(10.5), t(90.5));
  EXPECT_EQ(seen.pairs, 79);
  EXPECT_DOUBLE_EQ(seen.squares / seen.pairs, 0.5);
}

TEST(SampleCurve, MeanOfTheSamplesInsideAWindow) {
  EXPECT_DOUBLE_EQ(*ramp().mean_of_samples(t(0.5), t(1.5)), 8);
  EXPECT_FALSE(ramp().mean_of_samples(t(0.25), t(0.75)));
}

}  // namespace
}  // namespace tegrascope
