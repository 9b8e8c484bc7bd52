// Counting, booking and judging what one exact witness reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

TEST(Analysis, ARequestOnTheGpuIsCountedBookedAndJudged) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.whole_request(1, 3, 12, 0.97, 0.4);
  const ModelView& m = board.model();
  EXPECT_EQ(m.server, kServer);
  EXPECT_EQ(m.model, "qwen2.5:7b");
  EXPECT_EQ(m.requests.at({"/api/chat", 200}), 1u);
  EXPECT_EQ(m.output_tokens, 40u);
  EXPECT_EQ(m.input_tokens, 12u);
  EXPECT_EQ(m.phase_ns.at(Phase::decode), Nanoseconds(4s).count());
  EXPECT_NEAR(joules(m, Phase::decode), 48, 1.5);
  EXPECT_EQ(m.placement, Placement::gpu);
  EXPECT_EQ(m.verdicts.at(Placement::gpu), 1u);
  EXPECT_EQ(m.joules_per_token.count(), 1u);
  EXPECT_EQ(m.first_token_seconds.count(), 1u);
  EXPECT_FALSE(board.analysis().busy());
  EXPECT_TRUE(board.analysis().attribution().ledger().balanced());
}

TEST(Analysis, TheGaugeFollowsAFallbackAndItsRecovery) {
  Board board;
  constexpr ProcessId fallen{201, 9};
  constexpr ProcessId recovered{202, 9};
  board.run_until(3, 5, 0, 0);
  board.whole_request(1, 3, 12, 0.97, 0.4);
  EXPECT_EQ(board.model().placement, Placement::gpu);
  board.whole_request(2, 12, 9, 0.01, 5.6, fallen);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  EXPECT_THAT(board.snapshot()->recent.back().verdict.flags, testing::Contains("declared_mismatch"));
  board.whole_request(3, 21, 12, 0.97, 0.4, recovered);
  EXPECT_EQ(board.model().placement, Placement::gpu);
}

TEST(Analysis, TokensAndDecodeTimeAreCountedWhileAStreamRuns) {
  Board board;
  board.run_until(1, 5, 0, 0);
  board.start(1, 1);
  board.describe(1, "qwen2.5:7b", true);
  board.run_until(2, 12, 0.97, 0.4);
  board.first(1, 2, 1);
  board.run_until(4, 12, 0.97, 0.4);
  RequestProgress p;
  p.id = 1;
  p.at = t(4);
  p.first_content = t(2);
  p.content_chunks = 19;
  board.analysis().add(p);
  EXPECT_EQ(board.model().output_tokens, 19u);
  EXPECT_EQ(board.model().phase_ns.at(Phase::decode), Nanoseconds(2s).count());
  EXPECT_EQ(board.model().in_flight_generating, 1u);
  EXPECT_TRUE(board.analysis().busy());
  board.end(1, 2, 6, 40, 4);
  board.run_until(9, 5, 0, 0);
  EXPECT_EQ(board.model().output_tokens, 40u);
  EXPECT_EQ(board.model().phase_ns.at(Phase::decode), Nanoseconds(4s).count());
}

TEST(Analysis, AnUnknownModelIsOther) {
  Board board;
  board.run_until(1, 5, 0, 0);
  board.start(1, 1);
  board.describe(1, "nosuch", true);
  RequestEnded e;
  e.id = 1;
  e.at = t(1.1);
  e.status_code = 404;
  e.outcome = Outcome::error;
  board.analysis().add(e);
  board.run_until(4, 5, 0, 0);
  EXPECT_EQ(board.model().model, "other");
  EXPECT_EQ(board.model().requests.at({"/api/chat", 404}), 1u);
  EXPECT_FALSE(board.model().placement);
}

TEST(Analysis, AsksForAPollWhenRunnersChangeOrAModelIsNotListed) {
  Board board;
  board.run_until(0.1, 5, 0, 0);
  EXPECT_THAT(board.analysis().take_poll_wanted(), testing::ElementsAre(kServer));
  board.run_until(1, 5, 0, 0);
  EXPECT_TRUE(board.analysis().take_poll_wanted().empty());
  board.start(1, 1);
  board.describe(1, "new:1b", true);
  board.first(1, 2, 1);
  EXPECT_THAT(board.analysis().take_poll_wanted(), testing::ElementsAre(kServer));
  board.first(1, 2.5, 2);
  EXPECT_TRUE(board.analysis().take_poll_wanted().empty());
}

TEST(Analysis, ASnapshotIsDueEachSecondAndAtARequestsEnd) {
  Board board;
  EXPECT_TRUE(board.analysis().snapshot_due(t(1)));
  board.run_until(1, 5, 0, 0);
  board.snapshot();
  EXPECT_FALSE(board.analysis().snapshot_due(t(1.9)));
  EXPECT_TRUE(board.analysis().snapshot_due(t(2)));
  board.start(1, 1);
  board.end(1, 1, 1.5, 1, 0.1);
  EXPECT_TRUE(board.analysis().snapshot_due(t(1.5)));
}

TEST(Analysis, WhatIsExportedAddsUp) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.whole_request(1, 3, 12, 0.97, 0.4);
  board.start(2, board.now());
  board.run_until(board.now() + 2, 12, 0.9, 0.4);
  const SnapshotPtr s = board.snapshot();
  std::int64_t sum = s->ledger.pending_energy_nj;
  for (const ModelView& m : s->models) {
    for (const auto& [phase, amounts] : m.attributed) sum += amounts.energy_nj;
  }
  for (const auto& [reason, nj] : s->ledger.unattributed_energy_nj) sum += nj;
  EXPECT_EQ(sum, s->ledger.measured_energy_nj);
  EXPECT_GT(s->ledger.pending_energy_nj, 0);
}

Batch gpu_memory(double at, std::vector<GpuProcess> processes) {
  Batch b;
  b.collector = "nvml";
  b.finished = t(at);
  b.lists_gpu_processes = true;
  b.gpu_processes = std::move(processes);
  return b;
}

TEST(Analysis, AModelUnseenForADayStaysInTheLifetimesBooks) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.whole_request(1, 3, 12, 0.97, 0.4);
  const Books before = books_of(*board.snapshot());
  ASSERT_FALSE(before.attributed.empty());
  board.analysis().advance(t(10) + std::chrono::hours(25));
  const SnapshotPtr later = board.analysis().make_snapshot(t(10) + std::chrono::hours(25));
  EXPECT_TRUE(later->models.empty());
  EXPECT_GT(later->ledger.forgotten_energy_nj, 0);
  EXPECT_EQ(books_of(*later).attributed, before.attributed);
  EXPECT_TRUE(books_of(*later).conserved());
}

TEST(Analysis, AChangeOfPlacementIsToldOnce) {
  Board board;
  const std::set<ModelKey> told{{kServer, "qwen2.5:7b"}};
  board.run_until(3, 5, 0, 0);
  EXPECT_TRUE(board.analysis().take_changed_placements().empty());
  board.whole_request(1, 3, 9, 0.01, 5.6);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  EXPECT_EQ(board.analysis().take_changed_placements(), told);
  board.whole_request(2, board.now(), 9, 0.01, 5.6);
  EXPECT_TRUE(board.analysis().take_changed_placements().empty());
}

TEST(Analysis, TheGaugeOfAServerThatVanishedGoes) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.whole_request(1, 3, 9, 0.01, 5.6);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  board.analysis().add(std::vector<OllamaServer>{});
  board.run_until(20, 5, 0, 0);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  for (int minute = 1; minute <= 16; ++minute) board.analysis().advance(t(20 + 60 * minute));
  EXPECT_FALSE(board.analysis().make_snapshot(t(20 + 60 * 16))->models.at(0).placement);
}

// The command line of an engine's runner does not tell -ngl 0.
TEST(Analysis, ACpuThatWasAskedForIsExpectedFromTheLoadOn) {
  Board board;
  ServerState state;
  state.server = {kServer, std::string("http://") + kServer, kServe.pid};
  state.up = state.models_known = true;
  ResidentModel model;
  model.name = "qwen2.5:7b";
  model.size_bytes = 1000;
  model.size_vram_bytes = 0;
  state.models = {model};
  board.analysis().add(state);
  ServerLog log;
  log.server = kServer;
  log.layers_offloaded = 0;
  log.layers_total = 29;
  board.analysis().add(log);
  board.start(1, 0);
  RequestDescribed d;
  d.id = 1;
  d.model = "qwen2.5:7b";
  d.gpu_layers = 0;
  board.analysis().add(d);
  board.run_until(5, 9, 0, 0.5);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  EXPECT_FALSE(board.model().gpu_expected);
  board.end(1, 4, 5, 3, 1);  // too short for a verdict
  board.run_until(15, 5, 0, 0);
  EXPECT_FALSE(board.model().gpu_expected) << "the runner is the same";
  EXPECT_TRUE(board.analysis().take_events().empty());
}

TEST(Analysis, ACoreThatComesOnlineIsNoWork) {
  Board board;
  const auto cpus = [&](double at, std::map<std::string, double> busy) {
    Batch batch;
    batch.collector = "cpu";
    for (const auto& [core, seconds] : busy)
      batch.readings.push_back({Signal::cpu_seconds, core, "user", seconds, t(at)});
    board.analysis().add(batch);
  };
  cpus(1, {{"0", 100}, {"1", 5000}});
  cpus(2, {{"0", 100.5}});
  cpus(3, {{"0", 101}, {"1", 5000.25}});
  cpus(4, {{"0", 101}, {"1", 5000.25}, {"2", 7000}});
  const CounterCurve& total = board.analysis().attribution().sensors().total_cpu();
  EXPECT_EQ(total.growth(t(1), t(4)), Nanoseconds(1250ms));
}

TEST(Analysis, TheRunnersGpuMemoryIsItsModelsAndForgottenWhenOld) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.analysis().add(gpu_memory(3, {{kRunner.pid, "0", 4000}, {kRunner.pid, "1", 500}, {777, "0", 1}}));
  EXPECT_EQ(board.snapshot()->servers.at(0).gpu_memory_bytes,
            (std::map<std::string, std::uint64_t>{{"qwen2.5:7b", 4500}}));
  board.run_until(9, 5, 0, 0);
  EXPECT_TRUE(board.snapshot()->servers.at(0).gpu_memory_bytes.empty());
  board.analysis().add(gpu_memory(9, {{777, "0", 1}}));
  EXPECT_TRUE(board.snapshot()->servers.at(0).gpu_memory_bytes.empty()) << "not listed is not 0";
}

TEST(Analysis, OfSeveralGpusTheBusiestCounts) {
  Analysis analysis{AnalysisOptions{}};
  const auto add = [&](const std::string& collector, double at, std::map<std::string, double> loads) {
    Batch b;
    b.collector = collector;
    for (const auto& [gpu, load] : loads)
      b.readings.push_back({Signal::gpu_utilization_ratio, gpu, "", load, t(at)});
    analysis.add(b);
  };
  for (double at = 0; at <= 10; at += 0.5) {
    add("nvml", at, {{"0", 0.0}, {"1", 0.9}});
    analysis.advance(t(at));
  }
  analysis.advance(t(12));
  const auto snapshot = analysis.make_snapshot(t(12));
  EXPECT_EQ(snapshot->ledger_gpu, "busiest");
  EXPECT_NEAR(static_cast<double>(snapshot->ledger.measured_gpu_busy_ns) * 1e-9, 9, 0.5);

  // One that is lost counts no more.
  for (double at = 12; at <= 30; at += 0.5) {
    add("nvml", at, {{"0", 0.0}});
    analysis.advance(t(at));
  }
  EXPECT_EQ(analysis.make_snapshot(t(30))->ledger_gpu, "busiest");
  const double later = static_cast<double>(analysis.make_snapshot(t(30))->ledger.measured_gpu_busy_ns) * 1e-9;
  EXPECT_LT(later, 9 + 4);
}

// A runner that takes the place of another between two looks of the service's; /proc may not tell when it began.
TEST(Analysis, AnEndedRequestKeepsTheRunnerItEndedOn) {
  Board board;
  board.start(1, 0.0);
  board.describe(1, "qwen2.5:7b", true);
  board.run_until(1, 20, 0, 5.5);
  board.first(1, 1, 1);
  board.run_until(5, 20, 0, 5.5);
  board.end(1, 1, 5, 40, 4);
  board.run_until(8, 5, 0, 0.1, {201, 77});
  EXPECT_NEAR(static_cast<double>(board.model().attributed.at(Phase::decode).cpu_ns) * 1e-9, 22, 1);
}

TEST(Analysis, OneGpuIsTheLedgersByItsNumber) {
  Board board;
  EXPECT_EQ(board.snapshot()->ledger_gpu, "0");
  board.run_until(2, 5, 0.5, 0);
  EXPECT_EQ(board.snapshot()->ledger_gpu, "0");
}

}  // namespace
}  // namespace tegrascope
