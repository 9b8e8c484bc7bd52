// What was learned goes through a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::DoubleNear;
using testing::Optional;

const ModelKey kModel{"127.0.0.1:11434", "qwen2.5:7b"};
constexpr MonotonicTime kBoot{};

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

IdleKey mode(int number) {
  IdleKey key;
  key.power_mode = number;
  key.clocks_locked = false;
  return key;
}

// 80 s of an idle board, then requests of 2 s prefill and 4 s decode at 10 token/s.
struct Session {
  Attribution attribution{options()};
  double now = 0;
  double busy = 0;
  RequestId last = 0;

  static AttributionOptions options() {
    AttributionOptions o;
    o.sensors.power_lag = o.sensors.gpu_lag = 0ns;
    o.cores = 6;
    return o;
  }
  void board(double until, double watts, double load) {
    for (; now < until; now += 0.5) {
      attribution.sensors().add_power(t(now), watts);
      attribution.sensors().add_gpu_load(t(now), load);
      attribution.sensors().add_total_cpu(t(now), from_seconds(busy));
      busy += 0.03;
      attribution.advance(t(now));
    }
  }
  void request() {
    ObservedRequest r;
    r.operation = Operation::chat;
    r.started = t(now);
    attribution.open(++last, r, kModel);
    board(now + 6, 11, 1);
    r.streamed = true;
    r.first_content = r.started + 2s;
    r.ended = r.started + 6s;
    r.counts = FinalCounts{};
    r.counts->prompt_eval_duration = 2s;
    r.counts->eval_duration = 4s;
    attribution.set_tokens(last, 40, r.ended);
    attribution.close(last, r);
    board(now + 4, 4.5, 0);
  }
};

Session experienced(int power_mode) {
  Session run;
  run.attribution.set_idle_key(mode(power_mode));
  run.board(80, 4.5, 0);
  run.request();
  run.request();
  return run;
}

double median_of(const LearnedState& state, const std::string& kind, Phase phase) {
  for (const LearnedSeries& s : state.series)
    if (s.kind == kind && s.phase == phase && s.model == kModel.model)
      return s.values.at(s.values.size() / 2);
  return -1;
}

TEST(Learned, HoldsBaselinesCostsAndPower) {
  const Session run = experienced(2);
  const LearnedState state = run.attribution.learned(t(run.now));
  EXPECT_FALSE(state.baselines.empty());
  EXPECT_NEAR(state.baselines[0].watts, 4.5, 1e-6);
  EXPECT_EQ(state.power_mode, 2);
  const auto passes = std::find_if(state.series.begin(), state.series.end(),
                                   [](const LearnedSeries& s) { return s.kind == "decode_passes"; });
  ASSERT_NE(passes, state.series.end());
  EXPECT_EQ(passes->values.at(0), 1) << "one request in a pass";
  EXPECT_NEAR(passes->values.at(2) / passes->values.at(1), 0.65, 0.05);  // 6.5 W above idle at 10 token/s
  EXPECT_NEAR(median_of(state, "phase_power", Phase::decode), 11, 0.2);
}

TEST(Learned, IsKnownAtOnceAfterARestart) {
  const Session before = experienced(2);
  const LearnedState state = before.attribution.learned(t(before.now));
  Session after;
  after.attribution.restore(state, kBoot);
  EXPECT_FALSE(after.attribution.learned(kBoot).baselines.empty());
  after.attribution.set_idle_key(mode(2));
  after.board(1, 4.5, 0);
  EXPECT_THAT(after.attribution.idle_watts(), Optional(DoubleNear(4.5, 1e-6)));
  const LearnedState again = after.attribution.learned(t(1));
  EXPECT_EQ(again.series, state.series);
  EXPECT_DOUBLE_EQ(again.idle_cores, state.idle_cores);
}

TEST(Learned, SeriesOfAnotherPowerModeWaitForIt) {
  const LearnedState state = experienced(2).attribution.learned(t(100));
  Session after;
  after.attribution.restore(state, kBoot);
  after.attribution.set_idle_key(mode(3));
  EXPECT_EQ(after.attribution.learned(kBoot).series, state.series) << "kept for the next run";
  EXPECT_EQ(after.attribution.learned(kBoot).power_mode, 2);
  after.board(80, 5, 0);
  EXPECT_THAT(after.attribution.idle_watts(), Optional(DoubleNear(5, 1e-6)));
  after.request();
  EXPECT_EQ(after.attribution.learned(t(100)).power_mode, 3) << "what this run learned itself is newer";
}

TEST(Learned, ABaselineLastsADayAndGivesWayToItsOwnMinute) {
  LearnedState state;
  state.baselines = {{2, false, std::nullopt, std::nullopt, 4.5, Nanoseconds(23h).count()}};
  Session after;
  after.attribution.restore(state, kBoot);
  after.attribution.set_idle_key(mode(2));
  EXPECT_EQ(after.attribution.learned(kBoot + 59min).baselines.size(), 1u);
  EXPECT_TRUE(after.attribution.learned(kBoot + 61min).baselines.empty());
  after.board(80, 3.9, 0);
  EXPECT_THAT(after.attribution.idle_watts(), Optional(DoubleNear(3.9, 1e-6)));
}

TEST(Learned, NonsenseIsLeftOut) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  LearnedState state;
  for (const double watts : {nan, inf, -1.0, 0.0})
    state.baselines.push_back({std::nullopt, std::nullopt, std::nullopt, std::nullopt, watts, 0});
  state.baselines.push_back({std::nullopt, std::nullopt, std::nullopt, std::nullopt, 4.5, -5});
  state.idle_cores = nan;
  state.series = {{"phase_watts", kModel.server, kModel.model, Phase::prefill, {nan, inf, -1, 0}},
                  {"context_fit", kModel.server, kModel.model, Phase::decode, {1, 2, 3}},
                  {"decode_passes", kModel.server, kModel.model, Phase::decode, {1, 40, nan, 4, 0}},
                  {"decode_passes", kModel.server, kModel.model, Phase::decode, {-1, 40, 26, 4, 0}},
                  {"of_a_later_version", "", "", Phase::decode, {1}}};
  Session after;
  after.attribution.restore(state, kBoot);
  const LearnedState kept = after.attribution.learned(kBoot);
  EXPECT_TRUE(kept.baselines.empty());
  EXPECT_EQ(kept.idle_cores, 0);
  EXPECT_TRUE(kept.series.empty());
}

}  // namespace
}  // namespace tegrascope
