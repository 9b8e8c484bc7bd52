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

TEST(RateHistory, OutlivesARun) {
  RateHistory history;
  RateKey k = key(2);
  k.server = "127.0.0.1:11434";
  k.digest = "abc";
  k.version = "0.30.5";
  k.context_octave = 7;
  k.gpu_max_hertz = 624.75e6;
  for (int i = 0; i < 12; ++i) history.learn(k, 9.3, 1.2);
  history.learn(key(), 4, std::nullopt);
  std::vector<LearnedSeries> saved{{"phase_power", "s", "m", Phase::decode, {1, 2}}};
  history.save(saved);
  EXPECT_EQ(saved.size(), 4u);

  RateHistory next;
  next.restore(saved);
  EXPECT_NEAR(next.rate_ratio(k, 4.65).value(), 0.5, 1e-9);
  EXPECT_EQ(next.joules_unusual(k, 2.4), true);
  EXPECT_FALSE(next.rate_ratio(key(2), 4.65)) << "another context, version and clock";
  std::vector<LearnedSeries> again;
  next.save(again);
  saved.erase(saved.begin());
  EXPECT_EQ(again, saved);
}

TEST(RateHistory, TakesInOnlyWhatThereIsRoomFor) {
  RateHistory before;
  for (int mode = 0; mode < 100; ++mode) before.learn(key(mode), 9.3, std::nullopt);
  std::vector<LearnedSeries> saved;
  before.save(saved);
  RateHistory history;
  for (int mode = 1000; mode < 1030; ++mode) history.learn(key(mode), 4, std::nullopt);
  history.restore(saved);
  std::vector<LearnedSeries> kept;
  history.save(kept);
  EXPECT_EQ(kept.size(), 100u);
  int own = 0;
  for (const LearnedSeries& s : kept) own += s.values == std::vector<double>{4};
  EXPECT_EQ(own, 30) << "this run's are kept";
}

TEST(RateHistory, LeavesDamagedSeriesOut) {
  RateHistory history;
  for (const char* detail : {"", "a|b|c", "a|b|c|x|1|2", "a|b|c|1|2|"})
    history.restore({{"gpu_decode_rate", "s", "m", Phase::decode, {1, 2}, detail}});
  std::vector<LearnedSeries> saved;
  history.save(saved);
  EXPECT_TRUE(saved.empty());
}

}  // namespace
}  // namespace tegrascope
