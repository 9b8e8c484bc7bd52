#include "collectors/ollama/log/log_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "collectors/ollama/log/log_tail.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string gin(int status, const std::string& duration, const std::string& path) {
  return "[GIN] 2026/05/02 - 09:19:05 | " + std::to_string(status) + " | " + duration +
         " |    192.168.77.5 | POST     \"" + path + "\"\n";
}

class LogFollowerTest : public ::testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(tree_.path("ollama.log"), std::ios::app) << text; }
  std::vector<std::string> polled() {
    EXPECT_TRUE(follower_.poll());
    std::vector<std::string> paths;
    for (const LogRequest& request : follower_.take_requests()) {
      paths.push_back(std::to_string(request.status) + " " + request.path);
      EXPECT_EQ(request.client, "");
    }
    return paths;
  }
  const ServerLog& state() const { return follower_.state(); }

  TempTree tree_;
  LogFollower follower_{LogPlace{"127.0.0.1:11434", tree_.path("ollama.log")}};
};

TEST_F(LogFollowerTest, WhatWasThereBeforeMakesClaimsAndNoRequests) {
  tree_.write("ollama.log", "load_tensors: offloaded 12/29 layers to GPU\n" + gin(200, "1.5s", "/api/chat"));
  EXPECT_THAT(polled(), IsEmpty());
  EXPECT_TRUE(state().followed);
  EXPECT_EQ(state().server, "127.0.0.1:11434");
  EXPECT_EQ(state().placement, Placement::partial);
  EXPECT_EQ(state().layers_offloaded, 12);
  EXPECT_EQ(state().layers_total, 29);
  append(gin(200, "2.5s", "/api/chat?x=1") + gin(499, "1s", "/api/generate"));
  EXPECT_THAT(polled(), ElementsAre("200 /api/chat", "499 /api/generate"));
  EXPECT_THAT(polled(), IsEmpty());
}

TEST_F(LogFollowerTest, OnlyRoutesThatRunAModel) {
  tree_.write("ollama.log", "");
  EXPECT_THAT(polled(), IsEmpty());
  append(gin(200, "1ms", "/api/show") + gin(200, "1h2m3s", "/api/pull") + gin(404, "1ms", "/v1/completions"));
  EXPECT_THAT(polled(), ElementsAre("404 /v1/completions"));
}

TEST_F(LogFollowerTest, AFileThatAppearsLaterHoldsNothingOld) {
  EXPECT_THAT(polled(), IsEmpty());
  EXPECT_FALSE(state().followed);
  EXPECT_NE(state().error.find("ollama.log"), std::string::npos);
  tree_.write("ollama.log", gin(200, "1s", "/api/chat"));
  EXPECT_THAT(polled(), ElementsAre("200 /api/chat"));
  EXPECT_TRUE(state().followed);
  EXPECT_EQ(state().error, "");
}

TEST_F(LogFollowerTest, ALongBacklogIsReadInPiecesAndIsStillOld) {
  std::string text;
  while (text.size() < 3 * LogTail::kMaxBytesPerPoll) text += gin(200, "1s", "/api/chat");
  tree_.write("ollama.log", text);
  int polls = 0;
  do {
    EXPECT_THAT(polled(), IsEmpty());
    ++polls;
  } while (follower_.more());
  EXPECT_GE(polls, 3);
  append(gin(200, "1s", "/api/embed"));
  EXPECT_THAT(polled(), ElementsAre("200 /api/embed"));
}

TEST_F(LogFollowerTest, FailuresCountFromTheStartOfTheAgentOn) {
  const std::string start =
      "time=2026-05-02T09:00:00.000+02:00 level=INFO source=server.go:400 msg=\"starting llama server\" "
      "cmd=\"/usr/bin/ollama runner --model /m --port 4000\"\n";
  const std::string failure =
      "time=2026-05-02T09:00:01.000+02:00 level=INFO source=sched.go:450 msg=\"Load failed\" model=/m "
      "error=\"llama runner process has terminated: signal: killed\"\n";
  const std::string end = "llama runner started in 2.00 seconds\n";
  tree_.write("ollama.log", start + failure);
  EXPECT_THAT(polled(), IsEmpty());
  EXPECT_THAT(state().load_failures, IsEmpty());
  append(start + failure + failure);
  EXPECT_THAT(polled(), IsEmpty());
  EXPECT_THAT(state().load_failures, ElementsAre(Pair(ReasonClass::oom_killed, 1U)));
  append(start + end + "GGML_ASSERT: ggml.c:100: false\nSIGABRT: abort\n");
  EXPECT_THAT(polled(), IsEmpty());
  EXPECT_EQ(state().runners_crashed, 1U);
  EXPECT_EQ(state().runners_killed, 0U);
  EXPECT_THAT(state().load_failures, ElementsAre(Pair(ReasonClass::oom_killed, 1U)));
}

}  // namespace
}  // namespace tegrascope::test
