#include "agent/recording/flight_recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "agent/recording/replay.hpp"
#include "tests/unit/agent/recording/recorded.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;
using testing::Not;

ReplayedRun replayed(const std::string& text) {
  std::istringstream in(text);
  Replay result = replay(in, "dump");
  EXPECT_EQ(result.problem_count, 0u) << result.problems.at(0);
  EXPECT_EQ(result.runs.size(), 1u);
  return std::move(result.runs.at(0));
}

TEST(FlightRecorder, KeepsTheLastTwoMinutesAndNoMore) {
  FlightRecorder flight;
  RecordedBoard board(flight);
  board.request(1, 15, 0.97, 0.3);
  board.run_until(200, 5, 0, 0);
  board.request(2, 15, 0.97, 0.3);
  const std::size_t bytes = flight.bytes();
  const ReplayedRun run = replayed(flight.text());
  EXPECT_TRUE(run.head.partial);
  ASSERT_EQ(run.requests.size(), 1u);
  EXPECT_EQ(run.requests[0].id, 2u);
  EXPECT_EQ(run.requests[0].verdict.placement, Placement::gpu);
  EXPECT_TRUE(run.balanced);
  board.run_until(600, 5, 0, 0);
  EXPECT_LT(flight.bytes(), 2 * bytes);
}

TEST(FlightRecorder, KnowsARequestThatBeganBeforeItsWindow) {
  FlightRecorderOptions options;
  options.window = 10s;
  FlightRecorder flight(options);
  RecordedBoard board(flight);
  board.feed(RequestEvent(RequestStarted{1, Witness::relay, kServer, "/api/chat", Operation::chat, t(0)}));
  RequestDescribed d;
  d.id = 1;
  d.model = "qwen2.5:7b";
  d.streamed = true;
  board.feed(RequestEvent(d));
  board.run_until(30, 15, 0.97, 0.3);
  RequestEnded e;
  e.id = 1;
  e.at = t(30);
  e.status_code = 200;
  board.feed(RequestEvent(e));
  board.run_until(35, 5, 0, 0);
  const ReplayedRun run = replayed(flight.text());
  ASSERT_EQ(run.requests.size(), 1u);
  EXPECT_EQ(run.requests[0].model, "qwen2.5:7b");
  EXPECT_EQ(run.requests[0].started, t(0));

  board.run_until(60, 5, 0, 0);
  EXPECT_THAT(flight.text(), Not(HasSubstr("\"started\"")));  // ended, and long ago
}

TEST(FlightRecorder, StaysWithinItsBytes) {
  FlightRecorderOptions options;
  options.max_bytes = 100'000;
  FlightRecorder flight(options);
  RecordedBoard board(flight);
  board.run_until(100, 5, 0, 0);
  EXPECT_LE(flight.bytes(), options.max_bytes);
  EXPECT_GT(flight.bytes(), options.max_bytes / 2);
  const ReplayedRun run = replayed(flight.text());
  ASSERT_FALSE(run.last->servers.empty());  // known from before
  EXPECT_EQ(run.last->servers[0].state.models.at(0).name, "qwen2.5:7b");
}

}  // namespace
}  // namespace tegrascope
