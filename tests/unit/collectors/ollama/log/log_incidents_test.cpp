#include "collectors/ollama/log/log_incidents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using enum ReasonClass;

LogTrouble fatal(ReasonClass reason) { return {LogTrouble::Kind::fatal, reason}; }

class LogIncidentsTest : public ::testing::Test {
 protected:
  void add(const LogEvent& event, ReasonClass told = none) { incidents_.add(event, told, true); }
  LogIncidents incidents_;
};

TEST_F(LogIncidentsTest, OneFailureIsToldByManyLinesAndCountsOnce) {
  add(LogLoadStarted{});
  add(fatal(runner_crash));
  add(LogLoadFailed{runner_crash});
  add(LogLoadFailed{runner_crash});
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(runner_crash, 1U)));
  add(LogLoadStarted{});
  add(LogLoadFailed{runner_crash});
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(runner_crash, 2U)));
  EXPECT_EQ(incidents_.runners_crashed(), 0U);
}

TEST_F(LogIncidentsTest, TheTextBeforeAnExitStatusSaysMore) {
  add(LogLoadFailed{runner_crash}, oom_alloc);
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(oom_alloc, 1U)));
}

TEST_F(LogIncidentsTest, AFailureWithoutARunnerIsOverWithItsRequest) {
  add(LogLoadFailed{system_memory_too_small});
  LogRequest request;
  request.method = "POST";
  request.path = "/api/chat";
  request.status = 500;
  add(request);
  add(LogLoadFailed{system_memory_too_small});
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(system_memory_too_small, 2U)));
}

TEST_F(LogIncidentsTest, AfterACompleteLoadItIsTheRunnerThatDies) {
  add(LogLoadStarted{});
  add(LogLoad{});
  add(fatal(oom_killed));
  add(LogLoadFailed{oom_killed});
  add(LogLoad{});
  add(fatal(driver_init));
  EXPECT_EQ(incidents_.runners_killed(), 1U);
  EXPECT_EQ(incidents_.runners_crashed(), 1U);
  EXPECT_THAT(incidents_.load_failures(), IsEmpty());
  add(LogLoad{});
  add(LogLoadFailed{system_memory_too_small});
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(system_memory_too_small, 1U)));
}

TEST_F(LogIncidentsTest, AClientThatLeftDuringTheLoad) {
  add(LogLoadStarted{});
  add(LogAbort{LogAbort::What::completion});
  EXPECT_THAT(incidents_.load_failures(), IsEmpty());
  add(LogAbort{LogAbort::What::load});
  EXPECT_THAT(incidents_.load_failures(), ElementsAre(Pair(client_aborted_load, 1U)));
}

TEST_F(LogIncidentsTest, OldOnesAreRememberedOnly) {
  incidents_.add(LogLoadFailed{oom_alloc}, none, false);
  add(LogLoadFailed{oom_alloc});
  EXPECT_THAT(incidents_.load_failures(), IsEmpty()) << "the same failure";
}

}  // namespace
}  // namespace tegrascope
