// How well a request's energy is known, and what its load was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/attribution/attribution.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

const ModelKey kModel{"127.0.0.1:11434", "m"};

AttributionOptions options() {
  AttributionOptions o;
  o.sensors.power_lag = 0ns;
  o.sensors.gpu_lag = 0ns;
  o.cores = 6;
  return o;
}

// A board at `hertz`, idle for 100 s, then one request from 100 s: prefill of 0.5 s, decode until `end`. While it
// decodes, samples stray by `ripple` to both sides.
struct World {
  double hertz = 10;
  double end = 110;
  double ripple = 0;
  double gap_from = 1e9, gap_until = 1e9;
  AttributionOptions options = tegrascope::options();

  Attribution::Finished run() const {
    Attribution a(options);
    a.advance(t(0));
    ObservedRequest seen;
    seen.witness = Witness::relay;
    seen.operation = Operation::chat;
    seen.started = t(100);
    a.open(1, seen, kModel);
    a.describe(1, kModel, true);
    a.set_first_content(1, t(100.5));
    seen.streamed = true;
    seen.first_content = t(100.5);
    seen.ended = t(end);
    seen.counts = FinalCounts{};
    seen.counts->total_duration = seen.ended - seen.started;
    seen.counts->prompt_eval_duration = 500ms;
    seen.counts->eval_duration = from_seconds(end - 100.5);
    seen.counts->prompt_tokens = 50;
    a.set_tokens(1, static_cast<std::int64_t>((end - 100.5) * 10), seen.ended);
    a.close(1, seen);
    bool up = false;
    for (int i = 0; i <= static_cast<int>((end + 10) * hertz); ++i) {
      const double now = i / hertz + 0.05;
      if (now >= gap_from && now < gap_until) continue;
      const bool busy = now >= 100 && now < end;
      up = !up;
      const double strays = now >= 100.5 && busy ? (up ? ripple : -ripple) : 0.0;
      a.sensors().add_power(t(now), busy ? 12 + strays : 4.5);
      a.sensors().add_gpu_load(t(now), busy ? 1 : 0);
      a.sensors().add_total_cpu(t(now), 0ns);
    }
    a.advance(t(end + 9));
    a.take_finished();
    return a.take_booked().at(0);
  }
};

double half_width(const Attribution::Finished& f) {
  return static_cast<double>(f.energy_interval_nj->second - f.energy_interval_nj->first) * 0.5e-9;
}

TEST(Quality, AQuietRequestAtTenHertzIsAnA) {
  const auto f = World{}.run();
  EXPECT_EQ(f.quality, 'A') << testing::PrintToString(f.reasons);
  EXPECT_TRUE(f.reasons.empty()) << testing::PrintToString(f.reasons);
  EXPECT_LT(f.energy_interval_nj->first, 120'000'000'000);
  EXPECT_GT(f.energy_interval_nj->second, 120'000'000'000);
  EXPECT_LT(half_width(f), 2.4);
}

TEST(Quality, RippleAndFewerSamplesWidenTheInterval) {
  const double quiet = half_width(World{}.run());
  World rippling;
  rippling.ripple = 1;
  const double rippled = half_width(rippling.run());
  EXPECT_GT(rippled, 1.5 * quiet);
  rippling.hertz = 1;
  EXPECT_GT(half_width(rippling.run()), 2 * rippled);
}

TEST(Quality, FewSamplesAreNamedAndNoA) {
  World slow;
  slow.hertz = 1;
  slow.end = 104;
  const auto f = slow.run();
  EXPECT_NE(f.quality, 'A');
  EXPECT_THAT(f.reasons, Contains("few_samples"));
}

TEST(Quality, AGapMayHideMoreThanWasMeasured) {
  World gap;
  gap.gap_from = 103;
  gap.gap_until = 108;
  const auto f = gap.run();
  EXPECT_GE(f.quality, 'C');
  EXPECT_THAT(f.reasons, Contains("gap"));
  EXPECT_GT(f.energy_interval_nj->second, 120'000'000'000) << "as if it had gone on meanwhile";
}

TEST(Quality, ADeclaredGainErrorIsInTheInterval) {
  World declared;
  declared.options.power_gain_error = 0.05;
  const auto f = declared.run();
  EXPECT_GT(half_width(f), 0.05 * 1.9 * 120);
  EXPECT_EQ(f.quality, 'C');
}

TEST(Quality, WithoutPowerThereIsNoInterval) {
  World none;
  none.gap_from = 0;
  none.gap_until = 1e6;
  const auto f = none.run();
  EXPECT_FALSE(f.energy_interval_nj);
  EXPECT_EQ(f.quality, 'D');
  EXPECT_THAT(f.reasons, Contains("no_power"));
}

// Two requests for a model that has to be loaded; the runner is started at 12 s, the model is ready at 15 s.
struct Load {
  Attribution attribution{options()};
  std::map<RequestId, Attribution::Finished> booked;

  void ask(RequestId id, double at, double load, double end, std::optional<double> began,
           bool tells_late = false) {
    ObservedRequest seen;
    seen.witness = Witness::relay;
    seen.operation = Operation::chat;
    seen.started = t(at);
    attribution.open(id, seen, kModel);
    const auto birth = began ? std::optional(t(*began)) : std::nullopt;
    if (!tells_late) attribution.set_runner(id, {5, 5}, birth);
    seen.ended = t(end);
    seen.counts = FinalCounts{};
    seen.counts->total_duration = seen.ended - seen.started;
    seen.counts->load_duration = from_seconds(load);
    seen.counts->eval_duration = from_seconds(end - at - load);
    attribution.close(id, seen);
    if (tells_late) attribution.set_runner(id, {5, 5}, birth);
  }
  void run() {
    for (int i = 0; i <= 400; ++i) {
      const double now = 5 + i / 10.0;
      attribution.sensors().add_power(t(now), now < 12 ? 5 : now < 15 ? 8 : now < 20 ? 12 : 5);
    }
    attribution.advance(t(45));
    attribution.take_finished();
    for (auto& f : attribution.take_booked()) booked[f.id] = f;
  }
  double joules(RequestId id, Phase phase) {
    return static_cast<double>(booked.at(id).amounts[phase].energy_nj) * 1e-9;
  }
};

TEST(LoadSplit, TheWaitForAnEvictionCostsNothing) {
  for (const bool late : {false, true}) {
    Load l;
    l.attribution.advance(t(5));
    l.ask(1, 10, 5, 20, 12, late);
    l.run();
    EXPECT_NEAR(l.joules(1, Phase::load), 24, 0.5);
    EXPECT_EQ(l.joules(1, Phase::queue), 0);
    EXPECT_NEAR(l.joules(1, Phase::decode), 60, 0.7);
    EXPECT_THAT(l.booked.at(1).reasons, Not(Contains("load_not_split")));
  }
}

TEST(LoadSplit, ALoadIsChargedToTheFirstThatWantedIt) {
  Load l;
  l.attribution.advance(t(5));
  l.ask(1, 10, 5, 18, 12);
  l.ask(2, 11, 4, 20, 12);
  l.ask(3, 13, 2, 20, 12);
  l.run();
  EXPECT_NEAR(l.joules(1, Phase::load), 24, 0.5);
  EXPECT_EQ(l.joules(2, Phase::load), 0);
  EXPECT_EQ(l.joules(3, Phase::load), 0);
}

TEST(LoadSplit, WhereTheRunnersStartIsUnknownItIsNamed) {
  Load l;
  l.attribution.advance(t(5));
  l.ask(1, 10, 5, 20, std::nullopt);
  l.run();
  EXPECT_NEAR(l.joules(1, Phase::load), 34, 0.7);
  EXPECT_THAT(l.booked.at(1).reasons, Contains("load_not_split"));
}

}  // namespace
}  // namespace tegrascope
