// Nothing that a user says reaches anything that the agent says: strings planted in prompts, pictures, answers,
// headers, paths, names and log lines are looked for in all of its output at debug level, every endpoint, and every
// file below its folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "tests/support/agent_process.hpp"
#include "tests/support/scripted_upstream.hpp"
#include "tests/support/temp_tree.hpp"
#include "tests/unit/collectors/ollama/fake_http_server.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCanary = "CANARY";
// "CANARY CANARY CANARY" in the base64 of a picture.
constexpr const char* kPicture = "Q0FOQVJZIENBTkFSWSBDQU5BUlk=";

struct Exchange {
  std::string path;
  std::string body;
  std::string answer;  // body
  int status = 200;
  std::string type = "application/json";
};

std::string chat(const std::string& model) {
  return R"({"model":")" + model +
         R"(","format":{"title":"CANARY-schema"},"keep_alive":"CANARY-keep","messages":[)"
         R"({"role":"system","content":"CANARY-system"},{"role":"user","content":"CANARY-prompt","images":[")" +
         std::string(kPicture) +
         R"("]}],"tools":[{"type":"function","function":{"name":"CANARY-tool","description":"CANARY"}}]})";
}

const std::vector<Exchange>& exchanges() {
  static const std::vector<Exchange> list{
      {"/api/chat", chat("tiny"),
       R"({"model":"tiny","message":{"role":"assistant","content":"CANARY-answer","thinking":"CANARY-thought"},"done":false})"
       "\n"
       R"({"model":"tiny","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"CANARY-call","arguments":{"x":"CANARY"}}}]},"done":false})"
       "\n"
       R"({"model":"tiny","message":{"role":"assistant","content":""},"done":true,"done_reason":"CANARY-reason","prompt_eval_count":5,"eval_count":7,"eval_duration":900000000})"
       "\n",
       200, "application/x-ndjson"},
      {"/api/generate",
       R"({"model":"tiny","prompt":"CANARY-prompt","system":"CANARY-system","template":"CANARY-template","suffix":"CANARY-suffix","images":[")" +
           std::string(kPicture) + R"("],"stream":false})",
       R"({"model":"tiny","response":"CANARY-answer","done":true,"done_reason":"stop","context":[1,2],"eval_count":3})"},
      {"/v1/chat/completions",
       R"({"model":"tiny","stream":true,"user":"CANARY-user","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
           std::string(kPicture) + R"("}}]}]})",
       "data: {\"choices\":[{\"delta\":{\"content\":\"CANARY-answer\"}}]}\n\n"
       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
       200, "text/event-stream"},
      {"/v1/messages",
       R"({"model":"tiny","max_tokens":9,"system":"CANARY-system","messages":[{"role":"user","content":"CANARY-prompt"}]})",
       R"({"type":"message","content":[{"type":"text","text":"CANARY-answer"}],"usage":{"input_tokens":4,"output_tokens":2}})"},
      {"/v1/responses", R"({"model":"tiny","input":"CANARY-prompt","instructions":"CANARY-system"})",
       R"({"object":"response","output":[{"content":[{"text":"CANARY-answer"}]}],"usage":{"input_tokens":4,"output_tokens":2}})"},
      {"/api/embed", R"({"model":"tiny","input":["CANARY-prompt","CANARY-other"]})",
       R"({"model":"tiny","embeddings":[[0.1]],"prompt_eval_count":4})"},
      // A name that Ollama does not know, errors that quote the prompt, answers that cannot be read.
      {"/api/chat", chat("CANARY-model"), R"({"error":"model CANARY-model not found: CANARY-prompt"})", 404},
      {"/api/chat", chat("tiny"),
       R"({"error":"CANARY-prompt is too long"})"
       "\n",
       200, "application/x-ndjson"},
      {"/api/chat", chat("tiny"),
       R"({"done":true,"eval_count":CANARY-count})"
       "\n",
       200, "application/x-ndjson"},
      {"/api/generate", R"({"model":"tiny","prompt":CANARY-broken)", "CANARY: invalid character", 400,
       "text/plain"},
      {"/api/generate", R"({"model":"tiny","prompt":")" + std::string(300'000, 'x') + R"( CANARY-long"})",
       R"({"response":")" + std::string(3'000'000, 'y') +
           R"( CANARY-long","done":true})"
           "\n",
       200, "application/x-ndjson"},
      {"/CANARY-path?CANARY-query=1", R"({"model":"tiny"})", "CANARY", 404, "text/plain"},
      {"/api/chat?CANARY-query=CANARY", chat("tiny"),
       R"({"done":true})"
       "\n",
       200, "application/x-ndjson"},
  };
  return list;
}

std::string request_text(const Exchange& exchange) {
  return "POST " + exchange.path +
         " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer CANARY-key\r\nCookie: "
         "session=CANARY-cookie\r\n"
         "User-Agent: CANARY-agent/1.0\r\nX-CANARY-Field: CANARY-field\r\nOrigin: "
         "http://CANARY-origin.example\r\n"
         "X-Forwarded-For: 203.0.113.77\r\nContent-Type: application/json\r\nConnection: "
         "close\r\nContent-Length: " +
         std::to_string(exchange.body.size()) + "\r\n\r\n" + exchange.body;
}

std::string answer_text(const Exchange& exchange) {
  return "HTTP/1.1 " + std::to_string(exchange.status) +
         " CANARY-phrase\r\nX-CANARY-Answer: CANARY-field\r\nContent-Type: " + exchange.type +
         "\r\nContent-Length: " + std::to_string(exchange.answer.size()) + "\r\n\r\n" + exchange.answer;
}

class Canary : public testing::Test {
 protected:
  // Ollama: polls are answered as real, the rest as the exchange in turn says.
  std::optional<std::string> serve(const FakeRequest& request) {
    if (request.path == "/api/ps" || request.path == "/api/tags")
      return FakeHttpServer::answer(
          200, R"({"models":[{"name":"tiny:latest","model":"tiny:latest","size":10,"size_vram":10}]})");
    if (request.path == "/api/version") return FakeHttpServer::answer(200, R"({"version":"0.20.0"})");
    if (request.path == "/api/show")
      return FakeHttpServer::answer(
          200, R"({"modelfile":"FROM x","template":"CANARY-template","system":"CANARY-system"})");
    if (request.body.find(kCanary) != std::string::npos) ++planted_;
    return answer_text(exchanges().at(turn_.load()));
  }

  void expect_clean(const std::string& text, const std::string& where) {
    for (const std::string& secret : {std::string(kCanary), std::string(kPicture).substr(0, 12),
                                      std::string("203.0.113.77"), std::string("192.168.77.5")}) {
      const std::size_t at = text.find(secret);
      EXPECT_EQ(at, std::string::npos) << where << ": ..." << text.substr(at < 100 ? 0 : at - 100, 200);
    }
  }

  // Every endpoint: the ones that are known, and what the answers link to.
  void expect_endpoints_clean(const std::string& url) {
    std::set<std::string> left{"/",
                               "/metrics",
                               "/-/healthy",
                               "/-/ready",
                               "/api/v1/requests",
                               "/api/v1/status",
                               "/api/v1/models",
                               "/api/v1/servers",
                               "/api/v1/events",
                               "/api/v1/incidents",
                               "/api/v1/ledger",
                               "/api/v1/memory",
                               "/api/v1/board",
                               "/api/v1/snapshot",
                               "/api/v1/roofline",
                               "/api/v1/headroom"};
    for (int id = 1; id <= 20; ++id) left.insert("/api/v1/requests/" + std::to_string(id));
    std::set<std::string> seen;
    while (!left.empty()) {
      const std::string path = *left.begin();
      left.erase(left.begin());
      if (!seen.insert(path).second) continue;
      const TestAnswer answer = http_get(url + path);
      EXPECT_NE(answer.status, 0) << path << " " << answer.error;
      expect_clean(answer.body, path);
      const std::regex link(R"(href="(/[^"]*)\")");
      for (std::sregex_iterator it(answer.body.begin(), answer.body.end(), link), end; it != end; ++it)
        left.insert((*it)[1]);
    }
    EXPECT_EQ(http_get(url + "/api/v1/CANARY").body.find(kCanary), std::string::npos);
  }

  TempTree inputs_;   // what the test writes
  TempTree outputs_;  // what the agent writes
  std::atomic<std::size_t> turn_{0};
  std::atomic<int> planted_{0};
  FakeHttpServer server_{[this](const FakeRequest& request) { return serve(request); }};
};

TEST_F(Canary, NothingOfAUserIsInAnythingThatTheAgentSays) {
  const auto log = inputs_.path("ollama.log");
  inputs_.write("ollama.log",
                "time=x level=DEBUG source=routes.go:1 msg=\"chat request\" prompt=\"CANARY-prompt\"\n");
  ::setenv("STATE_DIRECTORY", outputs_.root().c_str(), 1);
  AgentProcess agent(
      "run",
      {"--ollama.url=" + server_.url(), "--relay.listen-address=127.0.0.1:0", "--log.level=debug",
       "--ollama.log-file=" + log.string(), ::geteuid() == 0 ? "--observe=auto,capture" : "--observe=auto"},
      outputs_.root());
  ::unsetenv("STATE_DIRECTORY");
  // What the log holds before the agent has looked at it is old and makes no events.
  ASSERT_TRUE(wait_until(20s, [&] { return agent.scrape().sum("tegrascope_ollama_log_up") == 1.0; }));
  const auto port =
      static_cast<std::uint16_t>(std::stoi(agent.relay_url().substr(agent.relay_url().rfind(':') + 1)));

  for (; turn_ < exchanges().size(); ++turn_) {
    TcpPeer client = TcpPeer::connect(port);
    client.send(request_text(exchanges()[turn_]));
    EXPECT_NE(client.read_some(), "") << exchanges()[turn_].path;
    if (turn_ % 2 == 0) client.reset();  // every second client leaves in the middle
  }
  EXPECT_EQ(planted_, static_cast<int>(exchanges().size()) - 1) << "the prompts must have come through";
  turn_ = 0;

  // What the relay refuses, and what ends in the middle of a head or a body.
  for (const std::string& text :
       {std::string("POST /api/chat HTTP/1.1\r\nHost: CANARY-host.example\r\nContent-Length: 2\r\n\r\n{}"),
        std::string("POST /CANARY HTTP/1.1\r\nHost: localhost\r\nX-CANARY: a\nCANARY\r\n\r\n"),
        std::string("POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: "
                    "CANARY\r\n\r\n"),
        std::string("CANARY CANARY CANARY\r\n\r\n"),
        std::string("POST /api/chat?CANARY HTTP/1.1\r\nHost: loc"),
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n" + chat("CANARY-model")}) {
    TcpPeer client = TcpPeer::connect(port);
    client.send(text);
    client.finish_sending();
    client.read_to_end();
  }
  const std::string lines =
      "[GIN] 2026/05/02 - 09:19:05 | 200 | 1s |    192.168.77.5 | POST     \"/api/chat?CANARY-query\"\n"
      "[GIN] 2026/05/02 - 09:19:05 | 404 | 1s |    192.168.77.5 | POST     \"/CANARY-path\"\n"
      "time=x level=ERROR source=sched.go:1 msg=\"error loading llama server\" error=\"CANARY-error CUDA "
      "error\"\n"
      "time=x level=INFO source=types.go:1 msg=\"inference compute\" library=cuda name=\"CANARY-device\"\n"
      "CANARY CUDA error: out of memory\nCANARY\n";
  std::ofstream(log, std::ios::app) << lines;

  // All of it was observed: a request after it is counted.
  TcpPeer last = TcpPeer::connect(port);
  Exchange marker = exchanges()[5];
  turn_ = 5;
  last.send(request_text(marker));
  last.read_some();
  ASSERT_TRUE(wait_until(30s, [&] {
    const Exposition page = agent.scrape();
    return page.sum("tegrascope_requests_total", {{"endpoint", "/api/embed"}}).value_or(0) >= 2 &&
           page.sum("tegrascope_requests_total", {{"endpoint", "/api/chat"}, {"code", "200"}}).value_or(0) >=
               1;
  })) << http_get(agent.url() + "/metrics").body;
  ASSERT_TRUE(wait_until(
      10s, [&] { return agent.scrape().sum("tegrascope_model_load_failures_total").value_or(0) >= 1; }))
      << "the log's last lines must have been read: " << http_get(agent.url() + "/metrics").body;

  expect_endpoints_clean(agent.url());
  agent.process().signal(SIGHUP);
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(30s), 0);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(outputs_.root())) {
    expect_clean(entry.path().string(), "a file's name");
    if (!entry.is_regular_file()) continue;
    ++files;
    // A recording needs the name of the model, known or not (docs/incidents.md).
    static const std::regex model_name(R"("model":"CANARY-model")");
    expect_clean(std::regex_replace(read_file(entry.path()), model_name, ""), entry.path().string());
  }
  EXPECT_GE(files, 2) << "the program's own output is among them";
}

TEST_F(Canary, NorInWhatTheDecoderPrints) {
  for (const Exchange& exchange : exchanges()) {
    inputs_.write("request", request_text(exchange));
    inputs_.write("response", answer_text(exchange));
    ChildProcess decode({TEGRASCOPE_PROGRAM, "decode", "exchange", "--request",
                         inputs_.path("request").string(), "--response", inputs_.path("response").string()},
                        outputs_.root());
    ASSERT_TRUE(decode.wait_for(20s));
    // It says which model was asked for, and for how long: that is what it is for.
    const std::string said = std::regex_replace(
        decode.output(), std::regex(R"re("(model|keep_alive|done_reason)":"[^"]*")re"), "");
    expect_clean(said, "decode " + exchange.path);
    expect_clean(decode.errors(), "decode " + exchange.path);
  }
}

}  // namespace
}  // namespace tegrascope::test
