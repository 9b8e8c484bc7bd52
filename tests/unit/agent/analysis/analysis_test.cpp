// The whole understanding on literal times: a board, a runner and requests in, a snapshot out.
#include "agent/analysis/analysis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

constexpr const char* kServer = "127.0.0.1:11434";
constexpr ProcessId kServe{100, 5};
constexpr ProcessId kRunner{200, 9};

// A board whose Ollama has one model loaded. Time moves in steps of 100 ms.
class Board {
 public:
  explicit Board(std::optional<bool> gpu_present = true) : analysis_(options(gpu_present)) {
    ServerState state;
    state.server = {kServer, std::string("http://") + kServer, kServe.pid};
    state.up = true;
    state.models_known = true;
    ResidentModel model;
    model.name = "qwen2.5:7b";
    model.size_bytes = 1000;
    model.size_vram_bytes = 1000;
    state.models = {model};
    analysis_.add(state);
  }

  void run_until(double seconds, double watts, double gpu_load, double cores, ProcessId runner = kRunner) {
    while (now_ < seconds - 1e-9) {
      now_ += 0.1;
      cpu_seconds_ += cores * 0.1;
      Batch sensors;
      sensors.collector = "rails";
      sensors.readings = {{Signal::board_power_watts, "", "input_rail", watts, t(now_)},
                          {Signal::gpu_utilization_ratio, "0", "", gpu_load, t(now_)}};
      analysis_.add(sensors);
      Batch processes;
      processes.collector = "processes";
      processes.lists_processes = true;
      ProcessReading p;
      p.id = runner;
      p.role = ProcessRole::runner;
      p.serve_pid = kServe.pid;
      p.cpu_time = from_seconds(cpu_seconds_);
      p.at = t(now_);
      processes.processes = {p};
      analysis_.add(processes);
      analysis_.advance(t(now_));
    }
  }

  void start(RequestId id, double at, Witness witness = Witness::relay) {
    analysis_.add(RequestStarted{id, witness, kServer, "/api/chat", Operation::chat, t(at)});
  }
  void describe(RequestId id, const std::string& model, bool streamed) {
    RequestDescribed d;
    d.id = id;
    d.model = model;
    d.streamed = streamed;
    analysis_.add(d);
  }
  void first(RequestId id, double at, std::uint64_t chunks) {
    RequestProgress p;
    p.id = id;
    p.at = t(at);
    p.first_content = t(at);
    p.content_chunks = chunks;
    analysis_.add(p);
  }
  void end(RequestId id, double first, double at, std::int64_t tokens, double decode) {
    RequestEnded e;
    e.id = id;
    e.at = t(at);
    e.status_code = 200;
    e.first_content = t(first);
    e.content_chunks = static_cast<std::uint64_t>(tokens);
    e.counts = FinalCounts{};
    e.counts->total_duration = 1s;
    e.counts->prompt_eval_duration = 300ms;
    e.counts->eval_duration = from_seconds(decode);
    e.counts->prompt_tokens = 12;
    e.counts->output_tokens = tokens;
    e.counts->done_reason = "stop";
    analysis_.add(e);
  }

  // A request that decodes for four seconds from a second after `at`.
  void whole_request(RequestId id, double at, double watts, double load, double cores,
                     ProcessId runner = kRunner) {
    start(id, at);
    describe(id, "qwen2.5:7b", true);
    run_until(at + 1, watts, load, cores, runner);
    first(id, at + 1, 1);
    run_until(at + 5, watts, load, cores, runner);
    end(id, at + 1, at + 5, 40, 4);
    run_until(at + 8, 5, 0, 0, runner);
  }

  SnapshotPtr snapshot() { return analysis_.make_snapshot(t(now_)); }
  const ModelView& model() {
    last_ = snapshot();
    return last_->models.at(0);
  }
  Analysis& analysis() { return analysis_; }
  double now() const { return now_; }

 private:
  static AnalysisOptions options(std::optional<bool> gpu_present) {
    AnalysisOptions o;
    o.attribution.cores = 6;
    o.gpu_present = gpu_present;
    return o;
  }
  Analysis analysis_;
  double now_ = 0;
  double cpu_seconds_ = 0;
  SnapshotPtr last_;
};

double joules(const ModelView& view, Phase phase) {
  return static_cast<double>(view.attributed.at(phase).energy_nj) * 1e-9;
}

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

TEST(Analysis, OneRequestOneRecord) {
  Board board;
  board.run_until(1, 5, 0, 0);
  board.start(1, 1);
  board.describe(1, "qwen2.5:7b", true);
  board.run_until(2, 12, 0.97, 0.4);
  board.start(2, 1.2, Witness::process);  // the same work, seen as a busy runner
  RequestEnded end;
  end.id = 2;
  end.at = t(5);
  board.first(1, 2, 1);
  board.run_until(6, 12, 0.97, 0.4);
  board.analysis().add(end);
  board.end(1, 2, 6, 40, 4);
  board.run_until(10, 5, 0, 0);
  EXPECT_EQ(board.snapshot()->recent.size(), 1u);
  EXPECT_EQ(board.model().verdicts.at(Placement::gpu), 1u);
}

TEST(Analysis, ATaskInASlotIsTheRequestOfTheRelayOrTakesTheSpellsPlace) {
  Board relayed;
  relayed.run_until(15, 5, 0, 0);
  relayed.start(1, 20);
  relayed.describe(1, "qwen2.5:7b", true);
  relayed.start(2, 20.2, Witness::slots);
  relayed.describe(2, "qwen2.5:7b", true);
  relayed.run_until(21, 13, 0.95, 0.4);
  relayed.first(1, 21, 1);
  relayed.first(2, 21.1, 30);
  relayed.run_until(25, 13, 0.95, 0.4);
  relayed.end(1, 21, 25, 40, 4);
  relayed.run_until(30, 5, 0, 0);
  ASSERT_EQ(relayed.snapshot()->recent.size(), 1U);
  EXPECT_EQ(relayed.snapshot()->recent[0].witness, Witness::relay);
  EXPECT_EQ(relayed.model().output_tokens, 40U);

  Board alone;
  alone.run_until(15, 5, 0, 0);
  alone.start(3, 19.5, Witness::process);
  alone.run_until(20.2, 13, 0.95, 0.4);
  alone.start(4, 20.2, Witness::slots);
  alone.describe(4, "qwen2.5:7b", true);
  alone.run_until(21, 13, 0.95, 0.4);
  alone.first(4, 21, 1);
  alone.run_until(25, 13, 0.95, 0.4);
  RequestEnded ended;
  ended.id = 4;
  ended.at = t(25);
  ended.first_content = t(21);
  ended.content_chunks = 38;
  alone.analysis().add(ended);
  alone.run_until(30, 5, 0, 0);
  ASSERT_EQ(alone.snapshot()->recent.size(), 1U);
  const SnapshotPtr last = alone.snapshot();
  const RequestRecord& record = last->recent[0];
  EXPECT_EQ(record.witness, Witness::slots);
  EXPECT_EQ(record.output_tokens, 38);
  EXPECT_TRUE(record.tokens_estimated);
  EXPECT_EQ(record.verdict.placement, Placement::gpu);
  EXPECT_TRUE(alone.model().requests.empty()) << "no route and no status were seen";
}

TEST(Analysis, ABusyRunnerAloneIsARequestWithoutTokens) {
  Board board;
  board.run_until(3, 5, 0, 0);
  board.start(1, 3, Witness::process);
  RequestDescribed d;
  d.id = 1;
  d.model = "qwen2.5:7b";
  d.runner = kRunner;
  board.analysis().add(d);
  board.run_until(8, 9, 0.01, 5.6);
  RequestEnded e;
  e.id = 1;
  e.at = t(8);
  board.analysis().add(e);
  board.run_until(11, 5, 0, 0);
  const ModelView& m = board.model();
  EXPECT_EQ(m.placement, Placement::cpu);
  EXPECT_NEAR(joules(m, Phase::unknown), 45, 1.5);
  EXPECT_EQ(m.output_tokens, 0u);
  EXPECT_TRUE(m.requests.empty());
}

TEST(Analysis, ALogsStateIsItsServers) {
  Board board;
  board.run_until(1, 5, 0, 0);
  EXPECT_FALSE(board.snapshot()->servers.at(0).log);
  ServerLog log;
  log.server = kServer;
  log.followed = true;
  log.layers_offloaded = 12;
  board.analysis().add(log);
  log.server = "elsewhere:1";
  board.analysis().add(log);
  const auto snapshot = board.snapshot();
  ASSERT_EQ(snapshot->servers.size(), 1u);
  ASSERT_TRUE(snapshot->servers[0].log);
  EXPECT_EQ(snapshot->servers[0].log->layers_offloaded, 12);
}

TEST(Analysis, TheLogNamesTheRequestsOfABusySpellAndTheirJoulesGoToEach) {
  Board board;
  ServerLog log;
  log.server = kServer;
  log.followed = true;
  board.analysis().add(log);
  board.run_until(3, 5, 0, 0);
  board.start(1, 3, Witness::process);
  RequestDescribed d;
  d.id = 1;
  d.model = "qwen2.5:7b";
  d.runner = kRunner;
  board.analysis().add(d);
  board.run_until(8, 9, 0.97, 0.4);
  const auto end = [&](RequestId id, double at) {
    RequestEnded e;
    e.id = id;
    e.at = t(at);
    e.status_code = 200;
    board.analysis().add(e);
  };
  end(1, 8);
  board.start(21, 3, Witness::log);
  end(21, 5);
  board.start(22, 5, Witness::log);
  end(22, 8);
  board.run_until(15, 5, 0, 0);
  const auto snapshot = board.snapshot();
  ASSERT_EQ(snapshot->recent.size(), 2u);
  EXPECT_NEAR(static_cast<double>(snapshot->recent[0].phase_amounts.at(Phase::unknown).energy_nj) * 1e-9, 18,
              1);
  EXPECT_NEAR(static_cast<double>(snapshot->recent[1].phase_amounts.at(Phase::unknown).energy_nj) * 1e-9, 27,
              1);
  EXPECT_EQ(board.model().requests.at({"/api/chat", 200}), 2u);
  EXPECT_TRUE(board.analysis().attribution().ledger().balanced());
}

// A cloud model's request passes through Ollama; the board decodes for nobody.
TEST(Analysis, NothingIsBookedToARequestThatAnotherHostComputes) {
  const auto check = [](const std::string& model, bool by_name, bool by_answer, bool by_server) {
    SCOPED_TRACE(model);
    Board board;
    board.run_until(15, 5, 0, 0);
    if (by_server) {
      ServerState state;
      state.server = {kServer, std::string("http://") + kServer, kServe.pid};
      state.up = state.models_known = true;
      state.remote_models = {model};
      board.analysis().add(state);
    }
    board.start(1, 20);
    RequestDescribed d;
    d.id = 1;
    d.model = model;
    d.streamed = true;
    d.remote = by_name;
    board.analysis().add(d);
    board.run_until(21, 9, 0.5, 0.4);
    RequestProgress p;
    p.id = 1;
    p.at = t(21);
    p.first_content = t(21);
    p.content_chunks = 1;
    p.remote = by_answer;
    board.analysis().add(p);
    EXPECT_FALSE(board.analysis().busy()) << "no reason to sample fast";
    board.run_until(25, 9, 0.5, 0.4);
    board.end(1, 21, 25, 40, 4);
    board.run_until(40, 5, 0, 0);
    const SnapshotPtr s = board.snapshot();
    ASSERT_EQ(s->recent.size(), 1U);
    const RequestRecord& record = s->recent[0];
    EXPECT_TRUE(record.remote);
    EXPECT_EQ(record.verdict.placement, Placement::unknown);
    EXPECT_TRUE(record.phase_amounts.empty());
    EXPECT_FALSE(record.energy_known);
    EXPECT_EQ(record.output_tokens, 40);
    for (const ModelView& view : s->models) {
      for (const auto& [phase, amounts] : view.attributed) EXPECT_EQ(amounts, Amounts{}) << view.model;
      for (const auto& [placement, count] : view.verdicts) EXPECT_EQ(count, 0U) << view.model;
      EXPECT_FALSE(view.placement) << view.model;
      EXPECT_EQ(view.in_flight_waiting + view.in_flight_generating + view.in_flight_opaque, 0U);
      if (view.model != model) continue;
      EXPECT_EQ(view.output_tokens, 40U);
      EXPECT_EQ((view.requests.at({"/api/chat", 200})), 1U);
      std::int64_t phases = 0;
      for (const auto& [phase, ns] : view.phase_ns) phases += ns;
      EXPECT_NEAR(static_cast<double>(phases) * 1e-9, 5.0, 1e-6) << "phases add up to the duration";
    }
    EXPECT_TRUE(board.analysis().attribution().ledger().accounts().empty());
  };
  check("gpt-oss:120b-cloud", true, false, false);
  check("alias:latest", false, true, false);
  check("hosted:latest", false, false, true);
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

TEST(Analysis, OneGpuIsTheLedgersByItsNumber) {
  Board board;
  EXPECT_EQ(board.snapshot()->ledger_gpu, "0");
  board.run_until(2, 5, 0.5, 0);
  EXPECT_EQ(board.snapshot()->ledger_gpu, "0");
}

}  // namespace
}  // namespace tegrascope
