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
                 std::uint64_t unavailable = 0) {
  Snapshot snapshot;
  snapshot.at = MonotonicTime{at};
  CollectorStatus status;
  status.name = "thermal";
  status.up = true;
  status.error = error;
  status.unavailable = unavailable;
  snapshot.collectors.push_back(status);
  testing::internal::CaptureStderr();
  log.note(snapshot);
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

TEST_F(StateLogTest, ASensorThatIsUnavailableIsNotTold) {
  StateLog log;
  EXPECT_THAT(said(log, 1s, "", 4), HasSubstr("collector is up"));
  for (int second = 2; second < 10; ++second)
    EXPECT_EQ(said(log, std::chrono::seconds(second), "", second % 2), "");
}

TEST_F(StateLogTest, WhatAServersLogTellsIsToldOnce) {
  StateLog log;
  Snapshot snapshot;
  ServerLog server;
  server.server = "s:1";
  server.error = "o.log: No such file or directory";
  const auto said_of = [&] {
    ServerView view;
    view.log = server;
    snapshot.servers = {view};
    testing::internal::CaptureStderr();
    log.note(snapshot);
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
