#include "agent/analysis/timeline.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

Batch batch(const std::string& collector, std::vector<Reading> readings, double time = 1) {
  Batch b;
  b.collector = collector;
  b.started = at(time);
  b.finished = at(time) + 2ms;
  b.readings = std::move(readings);
  return b;
}

Reading gpu(double load, double time) { return {Signal::gpu_utilization_ratio, "0", "", load, at(time)}; }

TEST(Timeline, ShowsNothingOlderThanItsStalenessBound) {
  Timeline timeline;
  timeline.add(batch("gpu", {gpu(0.5, 1)}));
  EXPECT_EQ(timeline.fresh(at(5.9)).size(), 1u);
  EXPECT_TRUE(timeline.fresh(at(6)).empty());
}

std::vector<std::pair<std::string, double>> shown(const Timeline& timeline, double time) {
  std::vector<std::pair<std::string, double>> out;
  for (const Reading& r : timeline.fresh(at(time))) out.emplace_back(r.instance + r.kind, r.value);
  return out;
}

TEST(Timeline, FindsEachSeriesInWhateverOrderItIsTold) {
  using Shown = std::vector<std::pair<std::string, double>>;
  const auto zone = [](const char* name, double value, double time) {
    return Reading{Signal::temperature_celsius, name, "", value, at(time)};
  };
  Timeline timeline;
  timeline.add(batch("thermal", {zone("a", 1, 1), zone("b", 2, 1), zone("c", 3, 1)}));
  timeline.add(batch("thermal", {zone("a", 4, 2), zone("c", 6, 2)}));
  EXPECT_EQ(shown(timeline, 2), (Shown{{"a", 4}, {"b", 2}, {"c", 6}}));
  timeline.add(batch("thermal", {zone("c", 9, 3), zone("b", 8, 3), zone("a", 7, 3), zone("d", 5, 3)}));
  EXPECT_EQ(shown(timeline, 3), (Shown{{"a", 7}, {"b", 8}, {"c", 9}, {"d", 5}}));
}

TEST(Timeline, ANewPowerModeTakesTheOldOnesPlace) {
  using Shown = std::vector<std::pair<std::string, double>>;
  const auto mode = [](const char* name, double number, double time) {
    return Reading{Signal::nvpmodel_mode, "", name, number, at(time)};
  };
  Timeline timeline;
  for (double t : {1.0, 2.0}) timeline.add(batch("nvpmodel", {mode("15W", 0, t), gpu(0.5, t)}));
  for (double t : {3.0, 4.0}) timeline.add(batch("nvpmodel", {mode("7W", 1, t), gpu(0.6, t)}));
  EXPECT_EQ(shown(timeline, 4), (Shown{{"0", 0.6}, {"7W", 1}}));
  timeline.add(batch("nvpmodel", {mode("15W", 0, 5), gpu(0.7, 5)}));
  EXPECT_EQ(shown(timeline, 5), (Shown{{"0", 0.7}, {"15W", 0}}));
}

TEST(Timeline, TegrastatsStandsInOnlyWhileNobodyElseReads) {
  Timeline timeline;
  EXPECT_EQ(timeline.add(batch("tegrastats", {gpu(0.9, 1)})).size(), 1u);
  EXPECT_EQ(timeline.add(batch("gpu", {gpu(0.5, 2)})).size(), 1u);
  EXPECT_TRUE(timeline.add(batch("tegrastats", {gpu(0.9, 3)})).empty());
  EXPECT_DOUBLE_EQ(timeline.fresh(at(3)).at(0).value, 0.5);
  EXPECT_EQ(timeline.add(batch("tegrastats", {gpu(0.9, 8)})).size(), 1u);
}

TEST(Timeline, IntegratesRailsAndLeavesGapsOut) {
  Timeline timeline;
  const auto rail = [](double watts, double time) {
    return Reading{Signal::rail_power_watts, "VDD_IN", "", watts, at(time)};
  };
  for (double t : {0.0, 1.0, 2.0, 12.0, 13.0}) timeline.add(batch("rails", {rail(5, t)}));
  EXPECT_EQ(timeline.rail_energy_nj().at("VDD_IN"), 15'000'000'000);
}

TEST(Timeline, ARailBelowZeroNeverTakesJoulesBack) {
  Timeline timeline;
  for (double t : {0.0, 1.0, 2.0}) {
    timeline.add(batch("rails", {{Signal::rail_power_watts, "VDD_CPU_CV", "", -0.4, at(t)}}));
  }
  EXPECT_EQ(timeline.rail_energy_nj().at("VDD_CPU_CV"), 0);
}

TEST(Timeline, UndoesTheAveragingOfARail) {
  Timeline timeline;
  const double tau = 3.5;
  for (int i = 0; i <= 40; ++i) {  // a step from 0 to 10 W at 0 s
    const double t = i * 0.1;
    timeline.add(
        batch("rails", {{Signal::rail_averaging_seconds, "VDD_IN", "", tau, at(t)},
                        {Signal::rail_power_watts, "VDD_IN", "", 10 * (1 - std::exp(-t / tau)), at(t)}}));
  }
  EXPECT_NEAR(static_cast<double>(timeline.rail_energy_nj().at("VDD_IN")) / 1e9, 40, 0.01);
}

TEST(Timeline, IntegratesByKind) {
  Timeline timeline;
  for (double t : {0.0, 1.0, 2.0, 3.0}) {
    timeline.add(batch("throttle", {{Signal::throttled, "", "thermal", t >= 2 ? 1.0 : 0.0, at(t)},
                                    {Signal::throttled, "", "overcurrent", 0, at(t)}}));
  }
  const auto seconds = timeline.integral(Signal::throttled);
  EXPECT_DOUBLE_EQ(seconds.at("thermal"), 1.5);
  EXPECT_EQ(seconds.at("overcurrent"), 0);
  EXPECT_TRUE(timeline.integral(Signal::emc_utilization_ratio).empty());
}

TEST(Timeline, CountsWhenCoolingBeginsToHoldClocksDown) {
  Timeline timeline;
  EXPECT_FALSE(timeline.thermal_throttle_events());
  double t = 0;
  for (const double state : {1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0}) {
    timeline.add(batch("cooling", {{Signal::throttled, "", "thermal", state, at(t)}}));
    timeline.add(batch("throttle", {{Signal::throttled, "", "overcurrent", state, at(t)}}));
    t += 1;
  }
  EXPECT_EQ(timeline.thermal_throttle_events(), 2u) << "it was held down when the agent came";
}

TEST(Timeline, AnotherPowerModeTakesTheOldOnesPlace) {
  Timeline timeline;
  timeline.add(batch("nvpmodel", {{Signal::nvpmodel_mode, "", "15W", 0, at(1)}}));
  timeline.add(batch("nvpmodel", {{Signal::nvpmodel_mode, "", "25W", 1, at(2)}}));
  ASSERT_EQ(timeline.fresh(at(2)).size(), 1u);
  EXPECT_EQ(timeline.fresh(at(2))[0].kind, "25W");
}

TEST(Timeline, ASensorThatIsUnavailableIsNoError) {
  Timeline timeline;
  Batch gated = batch("thermal", {});
  gated.errors = {{ErrorReason::unavailable, "cv0: no value"}, {ErrorReason::unavailable, "cv1: no value"}};
  timeline.add(gated);
  CollectorStatus status = timeline.collectors().at(0);
  EXPECT_TRUE(status.up);
  EXPECT_EQ(status.unavailable, 2u);
  EXPECT_TRUE(status.errors.empty());
  EXPECT_EQ(status.error, "");

  Batch broken = batch("thermal", {}, 2);
  broken.errors = {{ErrorReason::unavailable, "cv0: no value"}, {ErrorReason::missing, "cpu: gone"}};
  timeline.add(broken);
  status = timeline.collectors().at(0);
  EXPECT_FALSE(status.up);
  EXPECT_EQ(status.unavailable, 1u);
  EXPECT_EQ(status.errors.at(ErrorReason::missing), 1u);
  EXPECT_EQ(status.error, "cpu: gone");
}

TEST(Timeline, CountsWhatACollectorDid) {
  Timeline timeline;
  Batch failed = batch("gpu", {});
  failed.errors = {{ErrorReason::parse, "load: 'x'"}, {ErrorReason::parse, "load: 'y'"}};
  failed.missed_slots = 3;
  timeline.add(failed);
  const CollectorStatus status = timeline.collectors().at(0);
  EXPECT_FALSE(status.up);
  EXPECT_EQ(status.errors.at(ErrorReason::parse), 2u);
  EXPECT_EQ(status.missed_slots, 3u);
  EXPECT_EQ(status.error, "load: 'x'");
  EXPECT_NEAR(status.sample_seconds, 0.002, 1e-9);
  timeline.add(batch("gpu", {gpu(0.5, 2)}, 2));
  EXPECT_EQ(timeline.collectors().at(0).error, "");
}

TEST(Timeline, TheSensorsOwnCounterIsItsEnergy) {
  Timeline timeline;
  const auto card = [&](double counter, double watts, double time) {
    timeline.add(batch("nvml", {{Signal::rail_energy_joules, "gpu0", "", counter, at(time)},
                                {Signal::rail_power_watts, "gpu0", "", watts, at(time)}}));
  };
  card(5000, 100, 0);
  EXPECT_EQ(timeline.rail_energy_nj().at("gpu0"), 0) << "what it counted before the agent came";
  card(5080, 100, 1);
  card(5900, 100, 11);
  EXPECT_EQ(timeline.rail_energy_nj().at("gpu0"), 900'000'000'000) << "a gap is counted as well";
  card(10, 100, 12);
  card(30, 100, 13);
  EXPECT_EQ(timeline.rail_energy_nj().at("gpu0"), 920'000'000'000) << "a driver that was loaded anew";
}

}  // namespace
}  // namespace tegrascope
