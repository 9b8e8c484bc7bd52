// A real llama.cpp server with its CPU backend behind the relay (`--upstream.kind=openai`): it answers as it does directly,
// and what it counts is what the agent counts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/agent_process.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/support/tiny_gguf.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kChat =
    R"({"model":"tiny","messages":[{"role":"user","content":"abc"}],"max_tokens":24,"temperature":0,"seed":7,"ignore_eos":true)";
constexpr const char* kStreamed = R"(,"stream":true,"stream_options":{"include_usage":true}})";

// What was answered, without what is another one each time, and the usage that stands in it.
struct Told {
  std::string text;
  int chunks = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
  bool done = false;
};

void take(const json& object, Told& out) {
  if (object.contains("usage") && object["usage"].is_object()) {
    out.prompt_tokens = object["usage"].value("prompt_tokens", 0);
    out.output_tokens = object["usage"].value("completion_tokens", 0);
  }
  for (const json& choice : object.value("choices", json::array())) {
    const json& said = choice.contains("delta") ? choice["delta"] : choice.value("message", json::object());
    out.text += choice.value("text", "");
    if (said.contains("content") && said["content"].is_string()) out.text += said["content"];
  }
}

Told told(const TestAnswer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body << answer.error;
  Told out;
  if (answer.body.starts_with("{")) {
    take(json::parse(answer.body), out);
    out.done = true;
    return out;
  }
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: [DONE]")) out.done = true;
    if (!line.starts_with("data: {")) continue;
    ++out.chunks;
    take(json::parse(line.substr(6)), out);
  }
  return out;
}

class RealLlamaServer : public testing::Test {
 protected:
  void SetUp() override {
    const char* program = std::getenv("TEGRASCOPE_TEST_LLAMA_SERVER");
    if (program == nullptr)
      GTEST_SKIP() << "no real llama.cpp server: name one with TEGRASCOPE_TEST_LLAMA_SERVER";
    const auto model = directory_.root() / "tiny.gguf";
    write_tiny_gguf(model);
    const std::string port = free_port();
    url_ = "http://127.0.0.1:" + port;
    server_.emplace(
        std::vector<std::string>{program, "--model", model.string(), "--alias", "tiny", "--host", "127.0.0.1",
                                 "--port", port, "-np", "2", "-c", "1024", "--chat-template", "chatml"},
        directory_.root());
    ASSERT_TRUE(wait_until(30s, [&] { return http_get(url_ + "/health").status == 200; }))
        << server_->errors() << server_->output();
    agent_.emplace("run",
                   std::vector<std::string>{"--ollama.url=" + url_, "--upstream.kind=openai",
                                            "--relay.listen-address=127.0.0.1:0"},
                   directory_.root());
    ASSERT_TRUE(wait_until(10s, [&] { return agent_->scrape().sum("tegrascope_ollama_up") == 1.0; }));
  }

  void expect_same(const std::string& path, const std::string& body) {
    const Told direct = told(http_post(url_ + path, body));
    const Told relayed = told(http_post(agent_->relay_url() + path, body));
    EXPECT_GT(direct.output_tokens, 0) << path;
    EXPECT_EQ(relayed.text, direct.text) << path;
    EXPECT_EQ(relayed.output_tokens, direct.output_tokens) << path;
    EXPECT_EQ(relayed.prompt_tokens, direct.prompt_tokens) << path;
    EXPECT_EQ(relayed.chunks, direct.chunks) << path;
    EXPECT_TRUE(relayed.done && direct.done) << path;
    prompt_tokens_ += static_cast<double>(relayed.prompt_tokens);
    output_tokens_ += static_cast<double>(relayed.output_tokens);
  }

  void expect_counted(double requests) {
    const std::map<std::string, std::string> in{{"model", "tiny"}, {"type", "input"}};
    const std::map<std::string, std::string> out{{"model", "tiny"}, {"type", "output"}};
    EXPECT_TRUE(wait_until(10s,
                           [&] {
                             const Exposition e = agent_->scrape();
                             return e.sum("tegrascope_requests_total",
                                          {{"model", "tiny"}, {"code", "200"}}) == requests &&
                                    e.sum("tegrascope_tokens_total", in) == prompt_tokens_ &&
                                    e.sum("tegrascope_tokens_total", out) == output_tokens_;
                           }))
        << prompt_tokens_ << " in, " << output_tokens_ << " out\n"
        << http_get(agent_->url() + "/metrics").body;
  }

  TempTree directory_;
  std::string url_;
  std::optional<ChildProcess> server_;
  std::optional<AgentProcess> agent_;
  double prompt_tokens_ = 0;
  double output_tokens_ = 0;
};

TEST_F(RealLlamaServer, AnswersThroughTheRelayAsItDoesDirectly) {
  expect_same("/v1/chat/completions", std::string(kChat) + kStreamed);
  expect_same("/v1/chat/completions", std::string(kChat) + "}");
  expect_same(
      "/v1/completions",
      R"({"model":"tiny","prompt":"abc","max_tokens":16,"temperature":0,"seed":7,"ignore_eos":true})");
  expect_counted(3);
}

TEST_F(RealLlamaServer, ItsErrorsAndItsOwnRoutesPassUnchanged) {
  const std::string bad = R"({"model":"tiny","messages":"no list"})";
  const TestAnswer direct = http_post(url_ + "/v1/chat/completions", bad);
  const TestAnswer relayed = http_post(agent_->relay_url() + "/v1/chat/completions", bad);
  EXPECT_GE(direct.status, 400);
  EXPECT_EQ(relayed.status, direct.status);
  EXPECT_EQ(relayed.body, direct.body);
  for (const char* path : {"/health", "/props", "/v1/models"}) {
    EXPECT_EQ(http_get(agent_->relay_url() + path).status, http_get(url_ + path).status) << path;
  }
  EXPECT_EQ(http_post(agent_->relay_url() + "/tokenize", R"({"content":"abc"})").body,
            http_post(url_ + "/tokenize", R"({"content":"abc"})").body);
}

}  // namespace
}  // namespace tegrascope::test
