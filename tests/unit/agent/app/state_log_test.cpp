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

}  // namespace
}  // namespace tegrascope
