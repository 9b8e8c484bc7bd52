#include "agent/attribution/averaging.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "agent/attribution/sensors.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kTau = 3379ms;

// What the chip shows of 5 W, with 15 W from 10 s to 14 s, through its first-order low pass.
double averaged(double t) {
  const double tau = to_seconds(kTau);
  double y = 5;
  if (t > 10) y = 15 - 10 * std::exp(-(std::min(t, 14.0) - 10) / tau);
  if (t > 14) y = 5 + (y - 5) * std::exp(-(t - 14) / tau);
  return y;
}
MonotonicTime at(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

TEST(Averaging, GivesAStepBackAtOnce) {
  EXPECT_NEAR(unaveraged_mean_watts(averaged(10.5), averaged(10.6), 100ms, kTau), 15, 0.01);
  EXPECT_NEAR(unaveraged_mean_watts(averaged(14.5), averaged(14.6), 100ms, kTau), 5, 0.01);
  EXPECT_DOUBLE_EQ(unaveraged_mean_watts(5, 7, 100ms, 0ns), 6);
}

TEST(Averaging, AKnownChangeOfLoadInsideAnIntervalIsAStep) {
  SampleCurve curve(0ns, 3s);
  curve.set_averaging(kTau);
  for (int i = 0; i < 40; ++i) curve.add(at(8.05 + i * 0.1), averaged(8.05 + i * 0.1));
  const std::vector<MonotonicTime> edge{at(10)};
  EXPECT_NEAR(curve.mean_between_samples(at(9.95), at(10), edge).value(), 5, 0.05);
  EXPECT_NEAR(curve.mean_between_samples(at(10), at(10.05), edge).value(), 15, 0.1);
  EXPECT_NEAR(curve.mean_between_samples(at(9.95), at(10.05), {}).value(), 10, 0.1);
}

TEST(Averaging, EnergyOfAPulseThatTheChipSmearsOut) {
  double plain = 0;
  RisingSum unaveraged;
  for (double t = 9; t < 14 - 1e-9; t += 0.1) {
    plain += (averaged(t) + averaged(t + 0.1)) / 2 * 0.1;
    unaveraged.add(unaveraged_mean_watts(averaged(t), averaged(t + 0.1), 100ms, kTau) * 0.1);
  }
  EXPECT_LT(plain, 50) << "the average alone misses a third of it";
  EXPECT_NEAR(unaveraged.value(), 5 + 4 * 15, 0.1);
}

TEST(Averaging, TheCounterNeverFallsAndLosesNothingToNoise) {
  RisingSum counter;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> step(-0.02, 0.02);
  double last = 0;
  double before = 2;
  for (int i = 0; i < 10000; ++i) {
    const double now = 2 + step(random);
    counter.add(unaveraged_mean_watts(before, now, 100ms, kTau) * 0.1);
    before = now;
    ASSERT_GE(counter.value(), last);
    last = counter.value();
  }
  EXPECT_NEAR(counter.value(), 2000, 1);
}

TEST(Averaging, ThePowerCurveUndoesIt) {
  Sensors sensors{SensorOptions{}};
  sensors.set_power_averaging(kTau);
  for (double t = 5; t < 20; t += 0.1) sensors.add_power(at(t), averaged(t));
  double joules = 0;
  const std::vector<MonotonicTime> edges{at(10), at(14)};
  for (MonotonicTime t = at(10); t < at(14);) {
    const MonotonicTime end = std::min(*sensors.next_sample(t), at(14));
    joules += *sensors.power().mean_between_samples(t, end, edges) * to_seconds(end - t);
    t = end;
  }
  EXPECT_NEAR(joules, 60, 1);
}

}  // namespace
}  // namespace tegrascope
