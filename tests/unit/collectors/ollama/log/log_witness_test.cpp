#include "collectors/ollama/log/log_witness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "collectors/read_watch.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/event_queue.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kReadAt{100s};

LogRequest request(int status, std::optional<Nanoseconds> duration, const std::string& path = "/api/chat") {
  LogRequest r;
  r.method = "POST";
  r.path = path;
  r.status = status;
  r.duration = duration;
  return r;
}

std::pair<RequestStarted, RequestEnded> reported(const LogRequest& r) {
  std::vector<RequestEvent> events;
  report_logged_request(r, "s:1", 7, kReadAt,
                        [&](RequestEvent&& event) { events.push_back(std::move(event)); });
  EXPECT_EQ(events.size(), 2U);
  return {std::get<RequestStarted>(events.at(0)), std::get<RequestEnded>(events.at(1))};
}

TEST(ReportLoggedRequest, StartsItsDurationBeforeItsEnd) {
  const auto [started, ended] = reported(request(200, 2500ms, "/v1/chat/completions"));
  EXPECT_EQ(started.id, 7U);
  EXPECT_EQ(started.witness, Witness::log);
  EXPECT_EQ(started.server, "s:1");
  EXPECT_EQ(started.endpoint, "/v1/chat/completions");
  EXPECT_EQ(started.operation, Operation::chat);
  EXPECT_EQ(started.at, kReadAt - 2500ms);
  EXPECT_EQ(ended.id, 7U);
  EXPECT_EQ(ended.at, kReadAt);
  EXPECT_EQ(ended.status_code, 200);
  EXPECT_EQ(ended.outcome, Outcome::ok);
}

TEST(ReportLoggedRequest, OutcomeByStatus) {
  EXPECT_EQ(reported(request(499, 1s)).second.outcome, Outcome::client_aborted);
  EXPECT_EQ(reported(request(500, 1s)).second.outcome, Outcome::error);
  EXPECT_EQ(reported(request(404, 1s)).second.outcome, Outcome::error);
}

TEST(ReportLoggedRequest, ADurationThatCannotBe) {
  EXPECT_EQ(reported(request(200, std::nullopt)).first.at, kReadAt);
  EXPECT_EQ(reported(request(200, 1h)).first.at, MonotonicTime{}) << "longer than this machine runs";
}

class LogWitnessTest : public ::testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(tree_.path("o.log"), std::ios::app) << text; }
  std::optional<ServerLog> state(bool followed) {
    return states_.wait_for([&](const ServerLog& log) { return log.followed == followed; });
  }

  TempTree tree_;
  RequestIds ids_;
  EventQueue<RequestEvent> events_;
  EventQueue<ServerLog> states_;
  LogWitness witness_{ids_, [this](RequestEvent&& event) { events_.push(std::move(event)); },
                      [this](ServerLog&& log) { states_.push(std::move(log)); }, 5ms};
};

constexpr const char* kLine =
    "[GIN] 2026/05/02 - 09:19:05 | 200 | 1.5s | 192.168.77.5 | POST     \"/api/generate\"\n";

TEST_F(LogWitnessTest, FollowsAFileThatGrows) {
  tree_.write("o.log", kLine);
  witness_.set_places({{"s:1", tree_.path("o.log")}});
  witness_.start();
  ASSERT_TRUE(state(true));
  append(std::string("load_tensors: offloaded 29/29 layers to GPU\n") + kLine);
  const auto claims = states_.wait_for([](const ServerLog& log) { return log.layers_offloaded.has_value(); });
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->layers_total, 29);
  EXPECT_EQ(claims->placement, Placement::gpu);
  const auto started = events_.next();
  ASSERT_TRUE(started);
  EXPECT_EQ(std::get<RequestStarted>(*started).endpoint, "/api/generate");
  const auto ended = events_.next();
  ASSERT_TRUE(ended);
  EXPECT_LE(std::get<RequestEnded>(*ended).at, monotonic_now());
  EXPECT_EQ(std::get<RequestEnded>(*ended).at - std::get<RequestStarted>(*started).at, 1500ms);
  witness_.stop();
  EXPECT_FALSE(events_.wait_for([](const RequestEvent&) { return true; }, 0s))
      << "the old line is no request";
}

TEST_F(LogWitnessTest, SaysWhyAFileCannotBeFollowed) {
  witness_.start();
  witness_.set_places({{"s:1", tree_.path("o.log")}});
  const auto off = state(false);
  ASSERT_TRUE(off);
  EXPECT_EQ(off->server, "s:1");
  EXPECT_NE(off->error.find("o.log"), std::string::npos);
  append(kLine);
  EXPECT_TRUE(state(true));
  tree_.remove("o.log");
  std::filesystem::create_directory(tree_.path("dir"));
  witness_.set_places({{"s:1", tree_.path("dir")}});
  EXPECT_TRUE(state(false));
}

TEST_F(LogWitnessTest, GoesOnWhereItIsWhenTheServerIsFoundAgain) {
  tree_.write("o.log", "");
  witness_.set_places({{"s:1", tree_.path("o.log")}});
  witness_.start();
  ASSERT_TRUE(state(true));
  witness_.set_places({});
  append(kLine);
  ASSERT_TRUE(events_.next());
  ASSERT_TRUE(events_.next());
  witness_.set_places({{"s:1", tree_.path("o.log")}});
  append("[GIN] 2026/05/02 - 09:19:05 | 200 | 1.5s | 192.168.77.5 | POST     \"/api/embed\"\n");
  const auto started = events_.next();
  ASSERT_TRUE(started);
  EXPECT_EQ(std::get<RequestStarted>(*started).endpoint, "/api/embed");
}

TEST_F(LogWitnessTest, AFileThatHangsCostsNothingButItself) {
  tree_.write("o.log", "");
  tree_.write("stuck.log", "(BLOCK)");
  EventQueue<ServerLog> states;
  LogWitness witness(
      ids_, [this](RequestEvent&& event) { events_.push(std::move(event)); },
      [&](ServerLog&& log) { states.push(std::move(log)); }, 5ms, 50ms);
  witness.set_places({{"stuck:1", tree_.path("stuck.log")}, {"s:1", tree_.path("o.log")}});
  witness.start();
  const auto stuck = states.wait_for([](const ServerLog& log) { return log.server == "stuck:1"; });
  ASSERT_TRUE(stuck);
  EXPECT_FALSE(stuck->followed);
  EXPECT_NE(stuck->error.find("hangs"), std::string::npos) << stuck->error;
  ASSERT_TRUE(states.wait_for([](const ServerLog& log) { return log.server == "s:1" && log.followed; }));
  append(kLine);
  EXPECT_TRUE(events_.next());
  const MonotonicTime before = monotonic_now();
  witness.stop();
  EXPECT_LT(monotonic_now() - before, 5s);
  EXPECT_TRUE(eventually([] {
    release_blocked_reads();
    return blocked_reads() == 0 && LeftBehindThread::count() == 0;
  }));
}

TEST_F(LogWitnessTest, StopsWithoutHavingStarted) {
  witness_.stop();
  witness_.stop();
}

}  // namespace
}  // namespace tegrascope::test
