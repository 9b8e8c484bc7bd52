// Requests known from nothing but the log of the server, and those that the relay saw as well.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/fake_http_server.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

class LogFile : public testing::Test {
 protected:
  static std::optional<std::string> answer(const FakeRequest& request) {
    if (request.path == "/api/chat") {
      return FakeHttpServer::answer(
          200, R"({"model":"tiny","message":{"role":"assistant","content":"one"},"done":true,)"
               R"("done_reason":"stop","prompt_eval_count":5,"eval_count":7})");
    }
    return FakeHttpServer::answer(200, R"({"version":"0.20.0","models":[]})");
  }

  void append(const std::string& text) { std::ofstream(log_, std::ios::app) << text; }
  static std::string gin(int status, std::chrono::milliseconds duration, const std::string& path) {
    return "[GIN] 2026/05/02 - 09:19:05 | " + std::to_string(status) + " | " +
           std::to_string(duration.count()) + "ms |    192.168.77.5 | POST     \"" + path + "\"\n";
  }

  void start(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--ollama.url=" + server_.url(), "--ollama.log-file=" + log_.string(),
                               "--log.level=debug"});
    agent_.emplace("run", flags, directory_.root());
    ASSERT_TRUE(wait_until(10s, [&] { return agent_->scrape().sum("tegrascope_ollama_log_up") == 1.0; }))
        << agent_->process().errors();
  }
  double requests(const std::map<std::string, std::string>& labels = {}) {
    return agent_->scrape().sum("tegrascope_requests_total", labels).value_or(0);
  }
  // Every line was read and every request that waited is counted: the marker of a later one is there.
  void expect_requests_until_marker(double expected) {
    append(gin(200, 10ms, "/api/embed"));
    EXPECT_TRUE(wait_until(15s, [&] { return requests({{"endpoint", "/api/embed"}}) == 1; }));
    EXPECT_EQ(requests() - 1, expected) << http_get(agent_->url() + "/metrics").body;
  }

  TempTree directory_;
  const std::filesystem::path log_ = directory_.path("ollama.log");
  FakeHttpServer server_{answer};
  std::optional<AgentProcess> agent_;
};

TEST_F(LogFile, ItsAccessLinesAreRequests) {
  append(gin(200, 900ms, "/api/chat") + "load_tensors: offloaded 12/29 layers to GPU\n");
  start();
  append(gin(200, 800ms, "/api/chat") + gin(200, 700ms, "/api/chat") + gin(500, 5ms, "/v1/chat/completions") +
         gin(499, 300ms, "/api/generate") + gin(200, 1ms, "/api/show"));
  expect_requests_until_marker(4);
  EXPECT_EQ(requests({{"endpoint", "/api/chat"}, {"code", "200"}}), 2);
  EXPECT_EQ(requests({{"endpoint", "/v1/chat/completions"}, {"code", "500"}}), 1);
  EXPECT_EQ(requests({{"endpoint", "/api/generate"}, {"code", "499"}}), 1);
  const Exposition page = agent_->scrape();
  EXPECT_EQ(page.sum("tegrascope_ollama_log_offloaded_layers"), 12.0);
  EXPECT_EQ(page.sum("tegrascope_ollama_log_layers"), 29.0);
  agent_->process().signal(SIGTERM);
  EXPECT_EQ(agent_->process().wait_for(20s), 0);
  const std::string said = agent_->process().errors() + agent_->process().output();
  EXPECT_EQ(said.find("192.168.77.5"), std::string::npos) << "addresses of clients are nobody's business";
}

TEST_F(LogFile, WhatTheRelaySawCountsOnce) {
  append("");
  start({"--relay.listen-address=127.0.0.1:0"});
  for (int i = 0; i < 3; ++i) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(http_post(agent_->relay_url() + "/api/chat", R"({"model":"tiny","stream":false})").status, 200);
    const auto taken = std::chrono::steady_clock::now() - before;
    append(gin(200, std::chrono::duration_cast<std::chrono::milliseconds>(taken), "/api/chat"));
  }
  append(gin(200, 5s, "/api/chat"));
  expect_requests_until_marker(4);
  EXPECT_EQ(agent_->scrape().sum("tegrascope_tokens_total", {{"type", "output"}}), 21.0);
}

TEST_F(LogFile, IsNotReadWhenTheWitnessIsOff) {
  append("");
  agent_.emplace("run",
                 std::vector<std::string>{"--ollama.url=" + server_.url(),
                                          "--ollama.log-file=" + log_.string(), "--observe=process,poll"},
                 directory_.root());
  ASSERT_TRUE(wait_until(10s, [&] { return agent_->scrape().sum("tegrascope_ollama_up") == 1.0; }));
  EXPECT_FALSE(agent_->scrape().has("tegrascope_ollama_log_up"));
}

}  // namespace
}  // namespace tegrascope::test
