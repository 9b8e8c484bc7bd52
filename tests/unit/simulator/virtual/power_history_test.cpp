#include "simulator/virtual/power_history.hpp"

#include <gtest/gtest.h>

namespace tegrascope::simulator {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Nanoseconds t) { return MonotonicTime{t}; }

TEST(Ripple, HasNoMeanOverWholePeriods) {
  const Ripple ripple{1'250'000, 100ms, at(0s)};
  EXPECT_TRUE(ripple.integral(at(0s), at(700ms)) == 0);
  EXPECT_TRUE(ripple.integral(at(30ms), at(130ms)) == 0);
  // 80 ms at +0.25 W, then 20 ms at -1 W: 20 mJ up and down again.
  EXPECT_EQ(to_nanojoules(ripple.integral(at(80ms))), 20'000'000);
  EXPECT_EQ(to_nanojoules(ripple.integral(at(80ms), at(100ms))), -20'000'000);
}

TEST(PowerPiece, EnergyIsExact) {
  const PowerPiece piece{at(1s), at(3s), 4'600'000, {}, 0};
  EXPECT_EQ(to_nanojoules(piece.energy(at(1s), at(3s))), 9'200'000'000);
  EXPECT_TRUE(piece.energy(at(1s), at(1s + 1ns)) == 4'600'000);
}

TEST(PowerHistory, MeansAcrossPieces) {
  PowerHistory history;
  history.add({at(0s), at(1s), 4'000'000, {}, 0.0});
  history.add({at(1s), at(2s), 8'000'000, {}, 1.0});
  EXPECT_DOUBLE_EQ(history.mean_watts(at(500ms), at(1500ms)), 6.0);
  EXPECT_DOUBLE_EQ(history.mean_watts(at(900ms), at(1100ms)), 6.0);
  EXPECT_DOUBLE_EQ(history.mean_gpu(at(0s), at(2s)), 0.5);
  history.forget_before(at(1s));
  EXPECT_EQ(history.at(at(500ms)), nullptr);
  EXPECT_EQ(history.at(at(1500ms))->microwatts, 8'000'000);
}

TEST(PowerHistory, TheWaveGoesOnThroughACut) {
  const Ripple ripple{1'000'000, 100ms, at(0s)};
  PowerHistory cut;
  cut.add({at(0s), at(90ms), 5'000'000, ripple, 0});
  cut.add({at(90ms), at(200ms), 5'000'000, ripple, 0});
  EXPECT_DOUBLE_EQ(cut.mean_watts(at(85ms), at(95ms)), 4.2);
}

}  // namespace
}  // namespace tegrascope::simulator
