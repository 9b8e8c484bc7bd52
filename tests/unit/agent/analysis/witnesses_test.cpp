// What several witnesses, the log and other hosts make of the analysis.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

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
    EXPECT_EQ(board.booked(), 1) << "it is final at once";
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

}  // namespace
}  // namespace tegrascope
