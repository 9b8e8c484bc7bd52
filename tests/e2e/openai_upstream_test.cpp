// A server that speaks only OpenAI's API behind the relay: nothing of Ollama's API is asked of it.
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/fake_http_server.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

TEST(OpenaiUpstream, IsWatchedByItsHealthAndReachedThroughTheRelay) {
  TempTree directory;
  std::mutex mutex;
  std::multiset<std::string> asked;
  FakeHttpServer server([&](const FakeRequest& request) {
    const std::lock_guard lock(mutex);
    asked.insert(request.method + " " + request.path);
    if (request.path == "/v1/chat/completions") {
      return FakeHttpServer::answer(
          200,
          R"({"model":"llama:8b","choices":[{"index":0,"message":{"role":"assistant","content":"one"},"finish_reason":"stop"}],)"
          R"("usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})");
    }
    return FakeHttpServer::answer(200, R"({"status":"ok"})");
  });
  AgentProcess agent("run",
                     {"--ollama.url=" + server.url(), "--upstream.kind=openai", "--relay.guard",
                      "--relay.listen-address=127.0.0.1:0"},
                     directory.root());
  ASSERT_TRUE(wait_until(10s, [&] { return agent.scrape().sum("tegrascope_ollama_up") == 1.0; }))
      << agent.process().errors();
  EXPECT_EQ(
      http_post(agent.relay_url() + "/v1/chat/completions", R"({"model":"llama:8b","messages":[]})").status,
      200);
  EXPECT_EQ(http_post(agent.relay_url() + "/completion", R"({"prompt":"a"})").status, 200);
  const TestAnswer refused = http_post(agent.relay_url() + "/slots/0?action=erase", "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body.rfind(R"({"error":{"message":")", 0), 0U) << refused.body;
  ASSERT_TRUE(wait_until(10s, [&] {
    return agent.scrape().sum("tegrascope_tokens_total", {{"model", "llama:8b"}, {"type", "output"}}) == 7.0;
  })) << http_get(agent.url() + "/metrics").body;
  EXPECT_TRUE(wait_until(10s, [&] {
    return agent.scrape().sum("tegrascope_relay_refused_requests_total", {{"reason", "guard"}}) == 1.0;
  }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(asked.count("POST /v1/chat/completions"), 1U);
  EXPECT_EQ(asked.count("POST /completion"), 1U);
  asked.erase("POST /v1/chat/completions");
  asked.erase("POST /completion");
  EXPECT_EQ(std::set<std::string>(asked.begin(), asked.end()), std::set<std::string>{"GET /health"});
}

}  // namespace
}  // namespace tegrascope::test
