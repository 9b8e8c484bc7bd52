// A real Ollama with its CPU engine: seen without moving anything, and exactly through the relay.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/agent_process.hpp"
#include "tests/support/ollama_process.hpp"
#include "tests/support/scripted_upstream.hpp"
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
  // The load alone may have told where it runs.
  ASSERT_TRUE(wait_until(20s,
                         [&] {
                           return agent.scrape()
                                      .sum("tegrascope_attributed_cpu_seconds_total",
                                           {{"model", "tiny:latest"}})
                                      .value_or(0) > 1.0;
                         }))
      << http_get(agent.url() + "/metrics").body << agent.process().errors();
  const Exposition e = agent.scrape();
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
  // The running answer alone may have told where it runs.
  ASSERT_TRUE(wait_until(10s, [&] {
    return agent.scrape().sum("tegrascope_requests_total", {{"model", "tiny:latest"}, {"code", "200"}}) ==
           1.0;
  })) << http_get(agent.url() + "/metrics").body;
  const Exposition e = agent.scrape();
  const std::map<std::string, std::string> model{{"model", "tiny:latest"}};
  auto output = model;
  output["type"] = "output";
  auto input = model;
  input["type"] = "input";
  EXPECT_EQ(e.sum("tegrascope_tokens_total", output), final.value("eval_count", -1.0));
  EXPECT_EQ(e.sum("tegrascope_tokens_total", input), final.value("prompt_eval_count", -1.0));
  EXPECT_EQ(e.sum("tegrascope_time_to_first_token_seconds_count", model), 1.0);
  EXPECT_NEAR(
      e.sum("tegrascope_phase_seconds_total", {{"model", "tiny:latest"}, {"phase", "decode"}}).value_or(0),
      final.value("eval_duration", 0.0) * 1e-9, 0.5);
}

// The last JSON object in an answer of events that holds `field`, wherever it is nested in "response".
nlohmann::json last_with(const std::string& events, const std::string& field) {
  nlohmann::json found;
  std::istringstream lines(events);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("data: {")) continue;
    auto json = nlohmann::json::parse(line.substr(6), nullptr, false);
    if (json.contains("response")) json = json["response"];
    if (json.is_object() && json.contains(field) && json[field].is_object()) found = json[field];
  }
  return found;
}

TEST_F(RealOllama, EveryApiIsUnderstoodThroughTheRelay) {
  AgentProcess agent("run", {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0"},
                     directory_.root());
  double input = 0;
  double output = 0;
  const auto post = [&](const std::string& path, const std::string& body) {
    const TestAnswer answer = http_post(agent.relay_url() + path, body);
    EXPECT_EQ(answer.status, 200) << path << ' ' << answer.body << ollama_->log();
    return answer.body;
  };
  const auto count = [&](const nlohmann::json& usage, const char* in, const char* out) {
    EXPECT_GT(usage.value(out, 0), 0) << usage.dump();
    input += usage.value(in, 0.0);
    output += usage.value(out, 0.0);
  };
  EXPECT_NE(post("/api/generate", R"({"model":"tiny"})").find("\"load\""), std::string::npos);
  count(last_with(
            post("/v1/chat/completions",
                 R"({"model":"tiny","stream":true,"stream_options":{"include_usage":true},"max_tokens":8,)"
                 R"("messages":[{"role":"user","content":"abc"}]})"),
            "usage"),
        "prompt_tokens", "completion_tokens");
  count(nlohmann::json::parse(post("/v1/completions", R"({"model":"tiny","prompt":"abc","max_tokens":8})"))
            .at("usage"),
        "prompt_tokens", "completion_tokens");
  count(last_with(
            post("/v1/responses", R"({"model":"tiny","input":"abc","stream":true,"max_output_tokens":8})"),
            "usage"),
        "input_tokens", "output_tokens");
  count(
      last_with(
          post(
              "/v1/messages",
              R"({"model":"tiny","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"abc"}]})"),
          "usage"),
      "input_tokens", "output_tokens");
  const auto embedded = nlohmann::json::parse(post("/api/embed", R"({"model":"tiny","input":"abc"})"));
  input += embedded.value("prompt_eval_count", 0.0);
  post("/api/embeddings", R"({"model":"tiny","prompt":"abc"})");
  input += nlohmann::json::parse(post("/v1/embeddings", R"({"model":"tiny","input":"abc"})"))
               .at("usage")
               .value("prompt_tokens", 0.0);
  http_post(agent.relay_url() + "/api/chat",
            R"({"model":"tiny","messages":[{"role":"user","content":"abc abd"}],)"
            R"("options":{"num_predict":4000,"temperature":1.5,"seed":7,"repeat_penalty":1.3}})",
            [](const std::string&) { return false; });
  EXPECT_NE(post("/api/generate", R"({"model":"tiny","keep_alive":0})").find("\"unload\""),
            std::string::npos);

  const auto requests = [&](const Exposition& e, const std::string& endpoint, const std::string& code) {
    return e.sum("tegrascope_requests_total",
                 {{"model", "tiny:latest"}, {"endpoint", endpoint}, {"code", code}});
  };
  ASSERT_TRUE(wait_until(20s, [&] { return requests(agent.scrape(), "/api/generate", "200") == 2.0; }))
      << http_get(agent.url() + "/metrics").body;
  const Exposition e = agent.scrape();
  for (const char* endpoint : {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages",
                               "/api/embed", "/api/embeddings", "/v1/embeddings"}) {
    EXPECT_EQ(requests(e, endpoint, "200"), 1.0) << endpoint;
  }
  EXPECT_EQ(requests(e, "/api/chat", "499"), 1.0) << http_get(agent.url() + "/metrics").body;
  EXPECT_EQ(e.sum("tegrascope_requests_aborted_total", {{"model", "tiny:latest"}, {"by", "client"}}), 1.0);
  EXPECT_EQ(e.sum("tegrascope_tokens_total", {{"model", "tiny:latest"}, {"type", "input"}}), input);
  // Of the request that was left, the tokens that had come.
  const double cancelled =
      e.sum("tegrascope_tokens_total", {{"model", "tiny:latest"}, {"type", "output"}}).value_or(0) - output;
  EXPECT_GE(cancelled, 1.0);
  EXPECT_LT(cancelled, 100.0);
  EXPECT_EQ(e.sum("tegrascope_observation_errors_total", {{"reason", "json"}}).value_or(0), 0.0);
  EXPECT_EQ(e.sum("tegrascope_observation_errors_total", {{"reason", "usage_missing"}}).value_or(0), 0.0);
}

TEST_F(RealOllama, ItsCommandLineSeesTheSameThroughTheRelay) {
  AgentProcess agent("run", {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0"},
                     directory_.root());
  const auto run = [&](const std::string& url, const std::vector<std::string>& arguments) {
    std::vector<std::string> all{*find_ollama()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    ChildProcess cli(all, directory_.root(), {"OLLAMA_HOST=" + url, "HOME=" + directory_.root().string()});
    const auto code = cli.wait_for(60s);
    return std::pair(code, cli.output() + cli.errors());
  };
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"list"}, {"show", "tiny"}, {"show", "missing"}, {"cp", "tiny", "other"}, {"rm", "missing"}}) {
    const auto direct = run(ollama_->url(), arguments);
    const auto through = run(agent.relay_url(), arguments);
    EXPECT_EQ(through, direct) << arguments.front();
    EXPECT_TRUE(direct.first) << arguments.front();
  }
  ASSERT_EQ(http_post(agent.relay_url() + "/api/create",
                      R"({"model":"short","from":"tiny","parameters":{"num_predict":4}})")
                .status,
            200);
  const auto generated = run(agent.relay_url(), {"run", "short", "abc"});
  EXPECT_EQ(generated.first, 0) << generated.second;
  ollama_->create_tiny_model("uploaded", directory_.root(), agent.relay_url());
  const auto listed = run(agent.relay_url(), {"list"});
  EXPECT_NE(listed.second.find("uploaded"), std::string::npos) << listed.second;
  EXPECT_EQ(agent.scrape().sum("tegrascope_relay_refused_requests_total"), 0.0);
}

TEST_F(RealOllama, GuardModeKeepsItsModelsAsTheyAre) {
  AgentProcess agent(
      "run", {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0", "--relay.guard"},
      directory_.root());
  EXPECT_EQ(http_post(agent.relay_url() + "/api/copy", R"({"source":"tiny","destination":"copy"})").status,
            403);
  EXPECT_EQ(http_post(agent.relay_url() + "/api/pull", R"({"model":"qwen2.5:7b"})").status, 403);
  EXPECT_EQ(http_get(ollama_->url() + "/api/tags").body.find("copy"), std::string::npos);
  EXPECT_EQ(http_get(agent.relay_url() + "/api/tags").status, 200);
  EXPECT_EQ(http_post(agent.relay_url() + "/api/show", R"({"model":"tiny"})").status, 200);
}

TEST_F(RealOllama, AHostThatItRefusesOnLoopbackPassesRewritten) {
  AgentProcess agent("run",
                     {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0",
                      "--relay.allowed-hosts=jetson.home.lan", "--relay.rewrite-host"},
                     directory_.root());
  const auto status = [](const std::string& url, const std::string& host) {
    TcpPeer peer = TcpPeer::connect(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    peer.send("GET /api/tags HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return peer.read_until("\r\n").substr(9, 3);
  };
  EXPECT_EQ(status(ollama_->url(), "jetson.home.lan"), "403");
  EXPECT_EQ(status(agent.relay_url(), "jetson.home.lan"), "200");
  EXPECT_EQ(status(agent.relay_url(), "evil.example"), "403");
  // The default list is Ollama's own: what one of the two refuses, the other does too.
  TempTree other;
  AgentProcess plain("run", {"--ollama.url=" + ollama_->url(), "--relay.listen-address=127.0.0.1:0"},
                     other.root());
  for (const char* host :
       {"localhost", "127.0.0.1", "10.0.0.1", "8.8.8.8", "jetson.local", "jetson.internal", "x.localhost",
        "local", "jetson.home.lan", "[::1]:1", "[fd00::1]", "[2001:db8::1]", "0.0.0.0", "LOCALHOST:80", ""})
    EXPECT_EQ(status(plain.relay_url(), host), status(ollama_->url(), host)) << host;
}

}  // namespace
}  // namespace tegrascope::test
