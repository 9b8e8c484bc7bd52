#include "agent/attribution/attribution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

const ModelKey kModel{"127.0.0.1:11434", "qwen2.5:7b"};
constexpr ProcessId kRunner{321, 7};

AttributionOptions exact_options() {
  AttributionOptions o;
  o.sensors.power_lag = 0ns;
  o.sensors.gpu_lag = 0ns;
  o.cores = 6;
  return o;
}

// A board at 10 Hz: `watts(t)`, `gpu(t)` and `cores(t)` of the runner, from 0 to `until`.
template <class Watts, class Gpu, class Cores>
void sample(Attribution& a, double until, Watts watts, Gpu gpu, Cores cores) {
  double cpu_seconds = 0;
  for (int i = 0; i <= static_cast<int>(until * 10 + 0.5); ++i) {
    const double now = i / 10.0;
    a.sensors().add_power(t(now), watts(now));
    a.sensors().add_gpu_load(t(now), gpu(now));
    a.sensors().add_runner_cpu(kRunner, t(now), from_seconds(cpu_seconds));
    cpu_seconds += cores(now) * 0.1;
  }
}

ObservedRequest started(double at) {
  ObservedRequest r;
  r.witness = Witness::relay;
  r.operation = Operation::chat;
  r.started = t(at);
  return r;
}

ObservedRequest ended(ObservedRequest r, double first, double end, double load, double prefill,
                      double decode) {
  r.streamed = true;
  r.first_content = t(first);
  r.ended = t(end);
  r.counts = FinalCounts{};
  r.counts->total_duration = r.ended - r.started;
  r.counts->load_duration = from_seconds(load);
  r.counts->prompt_eval_duration = from_seconds(prefill);
  r.counts->eval_duration = from_seconds(decode);
  return r;
}

double joules(const Ledger& ledger, Phase phase) {
  const auto model = ledger.accounts().find(kModel);
  if (model == ledger.accounts().end()) return 0;
  const auto amounts = model->second.find(phase);
  return amounts == model->second.end() ? 0 : static_cast<double>(amounts->second.energy_nj) * 1e-9;
}

TEST(Attribution, BooksEachPhaseItsOwnJoules) {
  Attribution a(exact_options());
  a.advance(t(0));
  a.open(1, started(1), kModel);
  a.describe(1, kModel, true);
  a.set_runner(1, kRunner);
  a.set_first_content(1, t(3));
  a.close(1, ended(started(1), 3, 7, 1, 1, 4));
  sample(
      a, 10, [](double x) { return x < 1 || x >= 7 ? 5.0
                                   : x < 2         ? 8.0
                                   : x < 3         ? 14.0
                                                   : 11.0; },
      [](double x) { return x >= 2 && x < 7 ? 1.0 : 0.0; },
      [](double x) { return x >= 1 && x < 7 ? 0.5 : 0.0; });
  a.advance(t(10));

  EXPECT_NEAR(joules(a.ledger(), Phase::load), 8, 0.35);
  EXPECT_NEAR(joules(a.ledger(), Phase::prefill), 14, 0.35);
  EXPECT_NEAR(joules(a.ledger(), Phase::decode), 44, 0.35);
  EXPECT_TRUE(a.ledger().balanced());

  const auto finished = a.take_finished();
  ASSERT_EQ(finished.size(), 1u);
  EXPECT_NEAR(finished[0].decode.gpu_load_ratio.value(), 1.0, 0.02);
  EXPECT_NEAR(finished[0].decode.runner_cores.value(), 0.5, 0.02);
  EXPECT_EQ(finished[0].decode.window, 4s);
  const auto booked = a.take_booked();
  ASSERT_EQ(booked.size(), 1u);
  EXPECT_THAT(booked[0].reasons, Contains("no_idle_baseline"));
  EXPECT_TRUE(booked[0].energy_known);
  EXPECT_TRUE(a.take_booked().empty());
}

// A log tells a request at its end, in place of the busy spell that stood for it.
TEST(Attribution, ARequestToldAtItsEndIsAsWellCoveredAsAnother) {
  Attribution a(exact_options());
  a.advance(t(0));
  a.open(1, started(1), kModel);
  sample(
      a, 7, [](double) { return 10.0; }, [](double) { return 0.9; }, [](double) { return 0.5; });
  a.advance(t(7));
  a.open(2, started(1.2), kModel);
  a.close(2, ended(started(1.2), 2, 6, 0, 0.8, 4));
  a.discard(1);
  sample(
      a, 12, [](double) { return 10.0; }, [](double) { return 0.9; }, [](double) { return 0.5; });
  a.advance(t(12));
  const auto booked = a.take_booked();
  ASSERT_EQ(booked.size(), 1u);
  EXPECT_THAT(booked[0].reasons, Not(Contains("gap")));
  EXPECT_NE(booked[0].quality, 'D');
  ASSERT_TRUE(booked[0].energy_interval_nj);
  EXPECT_LT(booked[0].energy_interval_nj->second, 60e9) << "48 J, nothing was hidden";
}

// Joules on the GPU cannot be told from joules of others by CPU time.
TEST(Attribution, WithoutAGpuSensorARequestIsTakenToKeepItBusy) {
  AttributionOptions options = exact_options();
  Attribution a(options);
  a.advance(t(0));
  a.open(1, started(0.5), kModel);
  a.set_runner(1, kRunner);
  double runner = 0;
  double total = 0;
  for (int i = 0; i <= 60; ++i) {
    const double now = i / 10.0;
    a.sensors().add_power(t(now), 12);
    a.sensors().add_runner_cpu(kRunner, t(now), from_seconds(runner));
    a.sensors().add_total_cpu(t(now), from_seconds(total));
    runner += 0.03;
    total += 0.08;
  }
  a.close(1, ended(started(0.5), 1, 4.5, 0, 0.5, 3.5));
  a.advance(t(6));
  const auto booked = a.take_booked();
  ASSERT_EQ(booked.size(), 1u);
  double joules = 0;
  for (const auto& [phase, amounts] : booked[0].amounts)
    joules += static_cast<double>(amounts.energy_nj) * 1e-9;
  const double others = 0.5 * options.cpu_joules_per_core_second;
  const double own = 0.3 * options.cpu_joules_per_core_second + options.gpu_joules_per_busy_second;
  EXPECT_NEAR(joules, 4 * 12 * own / (own + others), 0.6);
}

TEST(Attribution, BooksAStreamWhileItRunsAndKeepsTheRestPending) {
  Attribution a(exact_options());
  a.advance(t(0));
  a.open(1, started(1), kModel);
  a.describe(1, kModel, true);
  a.set_first_content(1, t(3));
  sample(
      a, 6, [](double) { return 10.0; }, [](double) { return 1.0; }, [](double) { return 0.5; });
  a.advance(t(6));

  EXPECT_NEAR(joules(a.ledger(), Phase::decode), 27, 0.01);  // 3 s to the watermark at 5.7 s
  EXPECT_NEAR(static_cast<double>(a.ledger().totals().pending_energy_nj) * 1e-9, 20, 0.01);
  EXPECT_TRUE(a.ledger().balanced());
}

TEST(Attribution, GivesUpOnPhasesAfterTenMinutes) {
  AttributionOptions options = exact_options();
  options.unresolved_limit = 5s;
  Attribution a(options);
  a.advance(t(0));
  a.open(1, started(0), kModel);
  a.describe(1, kModel, false);
  sample(
      a, 10, [](double) { return 10.0; }, [](double) { return 1.0; }, [](double) { return 0.5; });
  a.advance(t(10));
  EXPECT_NEAR(joules(a.ledger(), Phase::unknown), 50, 0.01);
  EXPECT_TRUE(a.ledger().balanced());
}

TEST(Attribution, AWaitingRequestTakesNothingFromTheOneThatRuns) {
  Attribution a(exact_options());
  a.advance(t(0));
  a.open(1, started(0), kModel);
  a.describe(1, kModel, true);
  a.set_first_content(1, t(0));
  a.open(2, started(1), {"127.0.0.1:11434", "second"});
  sample(
      a, 6, [](double) { return 10.0; }, [](double) { return 1.0; }, [](double) { return 0.5; });
  a.close(1, ended(started(0), 0, 4, 0, 0, 4));
  a.close(2, ended(started(1), 4, 6, 0, 0, 2));
  a.advance(t(6));
  EXPECT_NEAR(joules(a.ledger(), Phase::decode), 40, 0.01);
  for (const auto& finished : a.take_booked()) EXPECT_EQ(finished.reasons.size(), 1u) << finished.id;
}

TEST(Attribution, WithoutAPowerSensorNoJoulesAreInvented) {
  Attribution a(exact_options());
  a.advance(t(0));
  a.open(1, started(1), kModel);
  for (int i = 0; i <= 50; ++i) a.sensors().add_gpu_load(t(i / 10.0), 1.0);
  a.close(1, ended(started(1), 2, 4, 0, 1, 2));
  a.advance(t(8));
  EXPECT_FALSE(a.ledger().totals().energy_known);
  const auto booked = a.take_booked();
  ASSERT_EQ(booked.size(), 1u);
  EXPECT_FALSE(booked[0].energy_known);
  EXPECT_THAT(booked[0].reasons, Contains("gap"));
  EXPECT_EQ(booked[0].amounts.at(Phase::decode).gpu_busy_ns, Nanoseconds(2s).count());
}

TEST(Attribution, AGapIsNotMeasured) {
  Attribution a(exact_options());
  a.advance(t(0));
  for (double x : {0.0, 1.0, 11.0, 12.0}) a.sensors().add_power(t(x), 5.0);
  a.advance(t(16));
  EXPECT_EQ(a.ledger().totals().measured_energy_nj, 10'000'000'000);  // 1 s before and 1 s after
}

TEST(Attribution, LearnsTheIdlePowerAndTakesItOffFirst) {
  Attribution a(exact_options());
  a.advance(t(0));
  Nanoseconds busy{};
  for (int i = 0; i <= 100; ++i) {
    a.sensors().add_power(t(i), 5.0);
    a.sensors().add_gpu_load(t(i), 0.0);
    a.sensors().add_total_cpu(t(i), busy);
    busy += 60ms;
    a.advance(t(i));
  }
  ASSERT_TRUE(a.idle_watts());
  EXPECT_NEAR(*a.idle_watts(), 5.0, 1e-6);
}

TEST(Attribution, AnUnseenBusyRunnerIsBypass) {
  Attribution a(exact_options());
  a.advance(t(0));
  sample(
      a, 5, [](double) { return 12.0; }, [](double) { return 0.9; }, [](double) { return 1.0; });
  a.advance(t(10));
  const auto& totals = a.ledger().totals();
  EXPECT_GT(totals.unattributed_energy_nj.at(Unattributed::bypass), totals.measured_energy_nj * 9 / 10);
  EXPECT_TRUE(a.ledger().balanced());
}

TEST(Attribution, AnEventForAnUnknownRequestIsIgnored) {
  Attribution a(exact_options());
  a.describe(5, kModel, true);
  a.set_first_content(5, t(1));
  a.close(5, started(1));
  a.discard(5);
  a.advance(t(10));
  EXPECT_TRUE(a.take_finished().empty());
}

// One sample a second. Each request waits on its prefill from .2 to .8 past a second, at 20 W; the rest is
// decode at 10 W. Samples fall on whole seconds but for `prefill_sample`, which hits the prefill.
class OneHertz {
 public:
  OneHertz() : attribution_(exact_options()) {}

  double prefill_joules(bool prefill_sample) {
    attribution_.advance(t(now_));
    const double begin = now_ + 0.2;
    const auto seen = started(begin);
    attribution_.open(++id_, seen, kModel);
    attribution_.describe(id_, kModel, true);
    attribution_.sensors().add_power(t(now_), 5);
    if (prefill_sample) attribution_.sensors().add_power(t(now_ + 0.5), 20);
    attribution_.set_first_content(id_, t(begin + 0.6));
    for (int i = 1; i <= 4; ++i) attribution_.sensors().add_power(t(now_ + i), 10);
    attribution_.close(id_, ended(seen, begin + 0.6, now_ + 4.1, 0, 0.6, now_ + 4.1 - begin - 0.6));
    for (int i = 5; i <= 90; ++i) attribution_.sensors().add_power(t(now_ + i), 5);
    now_ += 90;
    attribution_.advance(t(now_));
    attribution_.take_finished();
    const auto booked = attribution_.take_booked();
    reasons_ = booked.at(0).reasons;
    return static_cast<double>(booked.at(0).amounts.at(Phase::prefill).energy_nj) * 1e-9;
  }
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  Attribution attribution_;
  std::vector<std::string> reasons_;
  RequestId id_ = 0;
  double now_ = 10;
};

TEST(Attribution, AnUnsampledPhaseTakesWhatItUsuallyDraws) {
  OneHertz board;
  EXPECT_NEAR(board.prefill_joules(false), 4.5, 0.05) << "nothing learned: the neighbours' mean";
  EXPECT_THAT(board.reasons(), Contains("imputed"));
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(board.prefill_joules(true), 12, 0.05);
  EXPECT_THAT(board.reasons(), testing::Not(Contains("imputed")));
  EXPECT_NEAR(board.prefill_joules(false), 12, 0.05);
  EXPECT_THAT(board.reasons(), Contains("imputed"));
}

}  // namespace
}  // namespace tegrascope
