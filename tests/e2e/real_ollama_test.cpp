// A real Ollama with its CPU engine: seen without moving anything, and exactly through the relay.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/support/agent_process.hpp"
#include "tests/support/ollama_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kRequest =
    R"({"model":"tiny","prompt":"abc abd","options":{"num_predict":400,"temperature":1.5,"seed":7,"repeat_penalty":1.3}})";

class RealOllama : public testing::Test {
 protected:
  void SetUp() override {
    const auto program = find_ollama();
    if (!program) GTEST_SKIP() << "no real Ollama: name one with TEGRASCOPE_TEST_OLLAMA";
    ollama_.emplace(*program, directory_.root());
    ollama_->create_tiny_model("tiny", directory_.root());
  }

  // Final object of one request; its decode must be long enough for a verdict.
  nlohmann::json generate(const std::string& base_url) {
    const TestAnswer answer = http_post(base_url + "/api/generate", kRequest);
    EXPECT_EQ(answer.status, 200) << answer.body << answer.error << ollama_->log();
    const std::size_t end = answer.body.find_last_not_of('\n');
    const std::size_t begin = answer.body.rfind('\n', end);
    auto final =
        nlohmann::json::parse(answer.body.substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
    EXPECT_TRUE(final.is_object() && final.value("done", false)) << answer.body.substr(0, 2000);
    std::printf("real Ollama: %d tokens, decode %.2f s\n", final.value("eval_count", 0),
                final.value("eval_duration", 0.0) * 1e-9);
    EXPECT_GE(final.value("eval_duration", 0.0), 2e9) << "too short to prove anything";
    return final;
  }

  static bool is_placed(const AgentProcess& agent, const std::string& placement) {
    return agent.scrape().sum("tegrascope_model_placement",
                              {{"model", "tiny:latest"}, {"placement", placement}}) == 1.0;
  }

  TempTree directory_;
  std::optional<OllamaProcess> ollama_;
};

TEST_F(RealOllama, IsSeenFromOutsideAndPlacedOnTheCpu) {
  AgentProcess agent("run", {"--ollama.url=" + ollama_->url()}, directory_.root());
  generate(ollama_->url());
  ASSERT_TRUE(wait_until(20s, [&] { return is_placed(agent, "cpu"); }))
      << http_get(agent.url() + "/metrics").body << agent.process().errors();
  const Exposition e = agent.scrape();
  EXPECT_GT(e.sum("tegrascope_attributed_cpu_seconds_total", {{"model", "tiny:latest"}}).value_or(0), 1.0);
  EXPECT_EQ(e.sum("tegrascope_tokens_total", {{"model", "tiny:latest"}}).value_or(0), 0);
  EXPECT_EQ(e.sum("tegrascope_ollama_up"), 1.0);
  EXPECT_GT(e.sum("tegrascope_model_size_bytes", {{"model", "tiny:latest"}}).value_or(0), 1e6);
}

TEST_F(RealOllama, IsMeasuredExactlyThroughTheRelay) {
  AgentProcess agent("run", {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0"},
                     directory_.root());
  const auto final = generate(agent.relay_url());
  ASSERT_TRUE(wait_until(20s, [&] { return is_placed(agent, "cpu"); }))
      << http_get(agent.url() + "/metrics").body << agent.process().errors();
  const Exposition e = agent.scrape();
  const std::map<std::string, std::string> model{{"model", "tiny:latest"}};
  auto output = model;
  output["type"] = "output";
  auto input = model;
  input["type"] = "input";
  EXPECT_EQ(e.sum("tegrascope_tokens_total", output), final.value("eval_count", -1.0));
  EXPECT_EQ(e.sum("tegrascope_tokens_total", input), final.value("prompt_eval_count", -1.0));
  EXPECT_EQ(e.sum("tegrascope_requests_total", {{"model", "tiny:latest"}, {"code", "200"}}), 1.0);
  EXPECT_EQ(e.sum("tegrascope_time_to_first_token_seconds_count", model), 1.0);
  EXPECT_NEAR(
      e.sum("tegrascope_phase_seconds_total", {{"model", "tiny:latest"}, {"phase", "decode"}}).value_or(0),
      final.value("eval_duration", 0.0) * 1e-9, 0.5);
}

}  // namespace
}  // namespace tegrascope::test
