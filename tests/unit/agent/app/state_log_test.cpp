#include "agent/app/state_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// What is written for the state of one collector at that time.
std::string said(StateLog& log, std::chrono::seconds at, const std::string& error,
                 std::uint64_t unavailable = 0, bool readings = true) {
  Batch batch;
  batch.collector = "thermal";
  batch.finished = MonotonicTime{at};
  if (readings) batch.readings.resize(1);
  if (!error.empty()) batch.errors.push_back({ErrorReason::missing, error});
  batch.errors.resize(batch.errors.size() + unavailable, {ErrorReason::unavailable, ""});
  testing::internal::CaptureStderr();
  log.note(batch);
  return testing::internal::GetCapturedStderr();
}

class StateLogTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { configure_log("info", "logfmt"); }
};

TEST_F(StateLogTest, AnErrorThatComesAndGoesIsToldOnce) {
  StateLog log;
  EXPECT_THAT(said(log, 1s, ""), HasSubstr("collector is up"));
  EXPECT_THAT(said(log, 2s, "type: EIO"), HasSubstr("type: EIO"));
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_EQ(said(log, 3s + minute * 60s, ""), "");
    EXPECT_EQ(said(log, 62s + minute * 60s, "type: EIO"), "");
  }
  EXPECT_EQ(said(log, 371s, ""), "");
  EXPECT_THAT(said(log, 372s, ""), HasSubstr("collector is up"));
}

TEST_F(StateLogTest, ACollectorThatFailsEachSecondTimeIsToldOnce) {
  StateLog log;
  EXPECT_THAT(said(log, 1s, "a: EIO", 0, true), HasSubstr("a sensor failed"));
  EXPECT_THAT(said(log, 2s, "a: EIO", 0, false), HasSubstr("collector failed"));
  for (int second = 3; second < 100; ++second)
    EXPECT_EQ(said(log, std::chrono::seconds(second), "a: EIO", 0, second % 2 == 1), "");
  for (int second = 100; second < 168; ++second)
    EXPECT_EQ(said(log, std::chrono::seconds(second), "a: EIO", 0, true), "");
  EXPECT_THAT(said(log, 168s, "a: EIO", 0, true), HasSubstr("a sensor failed"));
}

TEST_F(StateLogTest, ASensorThatIsUnavailableIsNotTold) {
  StateLog log;
  EXPECT_THAT(said(log, 1s, "", 4), HasSubstr("collector is up"));
  for (int second = 2; second < 10; ++second)
    EXPECT_EQ(said(log, std::chrono::seconds(second), "", second % 2), "");
}

TEST_F(StateLogTest, WhatAServersLogTellsIsToldOnce) {
  StateLog log;
  ServerLog server;
  server.server = "s:1";
  server.error = "o.log: No such file or directory";
  const auto said_of = [&] {
    testing::internal::CaptureStderr();
    log.note(server);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said_of(), HasSubstr("No such file"));
  EXPECT_THAT(said_of(), testing::Not(HasSubstr("log")));
  server.error = "";
  server.followed = true;
  EXPECT_THAT(said_of(), HasSubstr("is followed"));
}

TEST_F(StateLogTest, AnEventIsALine) {
  StateLog log;
  Event event;
  event.kind = EventKind::load_failed;
  event.server = "s:1";
  event.reason = ReasonClass::oom_alloc;
  event.text = "a model could not be loaded";
  testing::internal::CaptureStderr();
  log.note(event);
  const std::string said_of_it = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said_of_it, HasSubstr("could not be loaded"));
  EXPECT_THAT(said_of_it, HasSubstr("reason=oom-alloc"));
  EXPECT_THAT(said_of_it, HasSubstr("level=warn"));
}

}  // namespace
}  // namespace tegrascope
