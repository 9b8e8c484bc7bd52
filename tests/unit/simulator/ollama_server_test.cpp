#include "simulator/ollama_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/unit/simulator/http_client.hpp"
#include "tests/unit/simulator/support.hpp"

namespace tegrascope::simulator {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::Connection;
using test::Reply;

class OllamaServerTest : public ::testing::Test {
 protected:
  // Forty times the board's speed: qwen2.5:7b decodes at 372 token/s.
  static constexpr double kSpeed = 40;
  void start(OllamaServerOptions options = {}) {
    options.engine.speed = kSpeed;
    options.engine.longest_load = 30ms;
    options.engine.warm_delay = 2ms;
    server.emplace(board, options);
    server->start();
  }
  Reply post(const std::string& path, const json& body) {
    return test::request(server->port(), "POST", path, body.dump());
  }
  Reply get(const std::string& path) { return test::request(server->port(), "GET", path); }
  json chat(int tokens, const char* model = "qwen2.5:7b") const {
    return {{"model", model},
            {"messages", {{{"role", "user"}, {"content", "a prompt of some words"}}}},
            {"options", {{"num_predict", tokens}}}};
  }
  std::int64_t runner_pid() {
    const BoardState state = board.sample(monotonic_now());
    return state.runner ? state.runner->pid : 0;
  }
  json only_slot(std::uint16_t port) { return json::parse(test::request(port, "GET", "/slots").body).at(0); }

  SimulatedBoard board{5, monotonic_now()};
  std::optional<SimulatedOllama> server;
};

std::vector<std::string> keys(const nlohmann::ordered_json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

void expect_durations_add_up(const json& final_object) {
  const auto ns = [&](const char* name) { return final_object.at(name).get<std::int64_t>(); };
  EXPECT_GT(ns("load_duration"), 0);
  EXPECT_GE(ns("total_duration"), ns("load_duration") + ns("prompt_eval_duration") + ns("eval_duration"));
  EXPECT_LT(ns("total_duration"),
            ns("load_duration") + ns("prompt_eval_duration") + ns("eval_duration") + 2'000'000'000);
}

TEST_F(OllamaServerTest, AnswersThePlainPages) {
  start();
  EXPECT_EQ(get("/").body, "Ollama is running");
  const Reply head = test::request(server->port(), "HEAD", "/");
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.body.empty());
  EXPECT_EQ(json::parse(get("/api/version").body), json({{"version", "0.30.5"}}));
  EXPECT_EQ(json::parse(get("/api/tags").body)["models"][0]["name"], "qwen2.5:7b");
  EXPECT_EQ(json::parse(get("/v1/models").body)["data"][0]["id"], "qwen2.5:7b");
  EXPECT_EQ(get("/api/ps").body, R"({"models":[]})");
  EXPECT_EQ(get("/nosuch").status, 404);
  EXPECT_EQ(get("/api/chat").status, 405);
}

TEST_F(OllamaServerTest, StreamsChatAsOllamaDoes) {
  start();
  const Reply reply = post("/api/chat", chat(20));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.head.find("Content-Type: application/x-ndjson\r\n"), std::string::npos);
  ASSERT_EQ(reply.chunks.size(), 21u);  // a chunk a token, and the final object
  const auto first = nlohmann::ordered_json::parse(reply.chunks.front());
  EXPECT_EQ(keys(first), (std::vector<std::string>{"model", "created_at", "message", "done"}));
  EXPECT_EQ(first["message"]["role"], "assistant");
  EXPECT_EQ(first["done"], false);
  const auto last = nlohmann::ordered_json::parse(reply.chunks.back());
  EXPECT_EQ(keys(last), (std::vector<std::string>{"model", "created_at", "message", "done", "done_reason",
                                                  "total_duration", "load_duration", "prompt_eval_count",
                                                  "prompt_eval_duration", "eval_count", "eval_duration"}));
  EXPECT_EQ(last["done_reason"], "length");
  EXPECT_EQ(last["eval_count"], 20);
  EXPECT_EQ(reply.chunks.back().back(), '\n');
  expect_durations_add_up(json::parse(reply.chunks.back()));
}

TEST_F(OllamaServerTest, AnswersInOnePieceWhenAsked) {
  start();
  const Reply reply = post(
      "/api/generate",
      {{"model", "qwen2.5:7b"}, {"prompt", "hello"}, {"stream", false}, {"options", {{"num_predict", 30}}}});
  EXPECT_EQ(reply.head.find("chunked"), std::string::npos);
  const json answer = json::parse(reply.body);
  EXPECT_EQ(answer["eval_count"], 30);
  EXPECT_FALSE(answer["response"].get<std::string>().empty());
  EXPECT_TRUE(answer.contains("context"));
  expect_durations_add_up(answer);
}

TEST_F(OllamaServerTest, RateIsTheTablesOnGpuAndCpu) {
  start();
  // A late timer makes one answer slower, never faster: the best of a few is the server's own rate.
  const auto expect_rate = [&](double expected) {
    double best = 0;
    for (int attempt = 0; attempt < 6 && best < expected * 0.9; ++attempt) {
      json body = chat(60);
      body["stream"] = false;
      const json answer = json::parse(post("/api/chat", body).body);
      const double rate = answer["eval_count"].get<double>() / (answer["eval_duration"].get<double>() / 1e9);
      EXPECT_LT(rate, expected * 1.02);
      best = std::max(best, rate);
    }
    EXPECT_GT(best, expected * 0.9);
  };
  const SimulatedModel& model = *find_model("qwen2.5:7b");
  expect_rate(9.31 * kSpeed);
  server->set_placement("qwen2.5:7b", Placement::cpu);
  expect_rate(3.80 * kSpeed);
  server->set_placement("qwen2.5:7b", Placement::partial, 0.6);
  expect_rate(decode_rate(model, Placement::partial, 0.6) * kSpeed);
  server->set_rate("qwen2.5:7b", 200.0);
  expect_rate(200.0);
}

TEST_F(OllamaServerTest, StreamsOpenAiEvents) {
  start();
  json body = chat(0);
  body.erase("options");
  body["stream"] = true;
  body["max_tokens"] = 8;
  body["stream_options"] = {{"include_usage", true}};
  const Reply reply = post("/v1/chat/completions", body);
  EXPECT_NE(reply.head.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  std::vector<std::string> events;
  for (std::size_t at = 0, end = 0; (end = reply.body.find("\n\n", at)) != std::string::npos; at = end + 2)
    events.push_back(reply.body.substr(at, end - at));
  ASSERT_EQ(events.size(), 8u + 3u);  // tokens, finish, usage, [DONE]
  EXPECT_EQ(events.back(), "data: [DONE]");
  const json first = json::parse(events[0].substr(6));
  EXPECT_EQ(first["object"], "chat.completion.chunk");
  EXPECT_TRUE(first["choices"][0]["finish_reason"].is_null());
  EXPECT_EQ(json::parse(events[8].substr(6))["choices"][0]["finish_reason"], "length");
  const json usage = json::parse(events[9].substr(6));
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["completion_tokens"], 8);

  body.erase("stream_options");
  body["stream"] = false;
  const json whole = json::parse(post("/v1/chat/completions", body).body);
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["usage"]["total_tokens"],
            whole["usage"]["prompt_tokens"].get<int>() + whole["usage"]["completion_tokens"].get<int>());
}

TEST_F(OllamaServerTest, UnknownModelsAreErrorsAsInTheRealOne) {
  start();
  Reply reply = post("/api/chat", chat(5, "nosuch"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(json::parse(reply.body), json({{"error", "model 'nosuch' not found"}}));
  reply = post("/v1/chat/completions", chat(5, "nosuch"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(json::parse(reply.body), json({{"error",
                                            {{"message", "model 'nosuch' not found"},
                                             {"type", "not_found_error"},
                                             {"param", nullptr},
                                             {"code", nullptr}}}}));
  EXPECT_EQ(post("/api/show", {{"model", "nosuch"}}).status, 404);
  reply = test::request(server->port(), "POST", "/api/chat");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(json::parse(reply.body), json({{"error", "missing request body"}}));
}

TEST_F(OllamaServerTest, PsAndShowJoinTheRunnersBlob) {
  start();
  post("/api/chat", chat(3));
  const json ps = json::parse(get("/api/ps").body);
  ASSERT_EQ(ps["models"].size(), 1u);
  const json model = ps["models"][0];
  EXPECT_EQ(model["name"], "qwen2.5:7b");
  EXPECT_EQ(model["size_vram"], model["size"]);
  EXPECT_EQ(model["digest"].get<std::string>().size(), 64u);
  EXPECT_EQ(model["details"]["quantization_level"], "Q4_K_M");
  EXPECT_TRUE(model.contains("expires_at"));
  EXPECT_TRUE(model.contains("context_length"));
  const json show = json::parse(post("/api/show", {{"model", "qwen2.5:7b"}}).body);
  EXPECT_NE(
      show["modelfile"].get<std::string>().find("/blobs/sha256-" + blob_digest(*find_model("qwen2.5:7b"))),
      std::string::npos);
}

TEST_F(OllamaServerTest, DeclaresTheTruthOrALie) {
  start();
  server->set_placement("qwen2.5:7b", Placement::cpu);
  post("/api/chat", chat(3));
  EXPECT_EQ(json::parse(get("/api/ps").body)["models"][0]["size_vram"], 0);
  server.reset();
  OllamaServerOptions lying;
  lying.lie = true;
  start(lying);
  server->set_placement("qwen2.5:7b", Placement::cpu);
  post("/api/chat", chat(3));
  const json model = json::parse(get("/api/ps").body)["models"][0];
  EXPECT_EQ(model["size_vram"], model["size"]);
}

TEST_F(OllamaServerTest, APlacementSwitchStartsANewRunner) {
  start();
  post("/api/chat", chat(3));
  const std::int64_t first = runner_pid();
  ASSERT_NE(first, 0);
  post("/api/chat", chat(3));
  EXPECT_EQ(runner_pid(), first);
  server->set_placement("qwen2.5:7b", Placement::cpu);
  EXPECT_TRUE(test::eventually([&] { return runner_pid() == 0; }));  // idle: ends at once
  post("/api/chat", chat(3));
  EXPECT_NE(runner_pid(), 0);
  EXPECT_NE(runner_pid(), first);
  const std::vector<RequestTruth> truth = server->requests();
  ASSERT_EQ(truth.size(), 3u);
  EXPECT_EQ(truth[1].placement, Placement::gpu);
  EXPECT_FALSE(truth[1].loaded);
  EXPECT_EQ(truth[2].placement, Placement::cpu);
  EXPECT_TRUE(truth[2].loaded);
}

TEST_F(OllamaServerTest, ASwitchLetsTheRunningRequestEnd) {
  start();
  Connection connection(server->port());
  connection.send("POST", "/api/chat", chat(200).dump());
  ASSERT_TRUE(connection.read_until("\"done\":false"));
  const std::int64_t first = runner_pid();
  server->set_placement("qwen2.5:7b", Placement::cpu);
  const Reply reply = connection.read_reply();
  EXPECT_EQ(json::parse(reply.chunks.back())["eval_count"], 200);
  EXPECT_EQ(server->requests().back().runner_pid, first);
  EXPECT_EQ(server->requests().back().placement, Placement::gpu);
  EXPECT_TRUE(test::eventually([&] { return runner_pid() == 0; }));
}

TEST_F(OllamaServerTest, OneSlotServesOneAfterTheOther) {
  start();
  Connection a(server->port());
  Connection b(server->port());
  a.send("POST", "/api/chat", chat(200).dump());
  ASSERT_TRUE(a.read_until("\"done\":false"));
  b.send("POST", "/api/chat", chat(10).dump());
  const Reply first = a.read_reply();
  const Reply second = b.read_reply();
  const std::vector<RequestTruth> truth = server->requests();
  ASSERT_EQ(truth.size(), 2u);
  EXPECT_EQ(truth[0].output_tokens, 200);
  EXPECT_GE(truth[1].prefill_began, truth[0].ended);
  const json waited = json::parse(second.chunks.back());  // the wait is in none of the parts
  EXPECT_GT(waited["total_duration"].get<std::int64_t>(),
            waited["load_duration"].get<std::int64_t>() + waited["prompt_eval_duration"].get<std::int64_t>() +
                waited["eval_duration"].get<std::int64_t>() + 20'000'000);
}

TEST_F(OllamaServerTest, StopsDecodingWhenTheClientLeaves) {
  start();
  {
    Connection connection(server->port());
    connection.send("POST", "/api/chat", chat(100000).dump());
    ASSERT_TRUE(connection.read_until("\"done\":false"));
  }
  EXPECT_TRUE(test::eventually([&] { return server->requests().size() == 1; }));
  EXPECT_FALSE(server->requests()[0].finished);
  EXPECT_EQ(post("/api/chat", chat(3)).status, 200);
}

TEST_F(OllamaServerTest, KeepsTheConnectionAndTakesChunkedBodies) {
  start();
  Connection connection(server->port());
  connection.send("POST", "/api/chat", chat(3).dump());
  EXPECT_EQ(connection.read_reply().chunks.size(), 4u);
  connection.send("GET", "/api/version");
  EXPECT_EQ(connection.read_reply().status, 200);
  connection.send_raw(
      "POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "8\r\n{\"model\"\r\ne\r\n:\"qwen2.5:7b\"}\r\n0\r\n\r\n");
  EXPECT_EQ(connection.read_reply().status, 200);
  connection.send_raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection.read_reply().body, "Ollama is running");
  EXPECT_TRUE(connection.closed_by_server());
}

TEST_F(OllamaServerTest, EmptyPromptsLoadAndUnload) {
  start();
  json reply = json::parse(post("/api/generate", {{"model", "llama3.2:1b"}}).body);
  EXPECT_EQ(reply["done_reason"], "load");
  EXPECT_FALSE(reply.contains("eval_count"));
  EXPECT_EQ(json::parse(get("/api/ps").body)["models"][0]["name"], "llama3.2:1b");
  reply = json::parse(post("/api/generate", {{"model", "llama3.2:1b"}, {"keep_alive", 0}}).body);
  EXPECT_EQ(reply["done_reason"], "unload");
  EXPECT_EQ(get("/api/ps").body, R"({"models":[]})");
}

TEST_F(OllamaServerTest, ModelsExpire) {
  start();
  json body = chat(3);
  body["keep_alive"] = "30ms";
  post("/api/chat", body);
  EXPECT_TRUE(test::eventually([&] { return get("/api/ps").body == R"({"models":[]})"; }));
  EXPECT_EQ(runner_pid(), 0);
}

TEST_F(OllamaServerTest, NumGpuZeroAsksForTheCpu) {
  start();
  json body = chat(3);
  body["options"]["num_gpu"] = 0;
  post("/api/chat", body);
  EXPECT_EQ(server->requests().back().placement, Placement::cpu);
  post("/api/chat", chat(3));
  EXPECT_EQ(server->requests().back().placement, Placement::gpu);
}

TEST_F(OllamaServerTest, EmbedsHaveNoEvalFigures) {
  start();
  const json reply =
      json::parse(post("/api/embed", {{"model", "qwen2.5:0.5b"}, {"input", {"one text", "another"}}}).body);
  EXPECT_EQ(reply["embeddings"].size(), 2u);
  EXPECT_GT(reply["prompt_eval_count"], 0);
  EXPECT_FALSE(reply.contains("eval_count"));
}

TEST_F(OllamaServerTest, TheRunnersPortShowsItsSlot) {
  start();
  Connection connection(server->port());
  connection.send("POST", "/api/chat", chat(5000).dump());
  ASSERT_TRUE(connection.read_until("\"done\":false"));
  const std::uint16_t port = board.sample(monotonic_now()).runner->port;
  const json slot = only_slot(port);
  EXPECT_EQ(slot["is_processing"], true);
  const auto decoded = slot["next_token"]["n_decoded"].get<std::int64_t>();
  EXPECT_GE(decoded, 1);
  EXPECT_TRUE(test::eventually([&] { return only_slot(port)["next_token"]["n_decoded"] > decoded; }));
  EXPECT_EQ(test::request(port, "GET", "/health").body, R"({"status":"ok"})");
}

TEST_F(OllamaServerTest, StopsAtOnceInTheMiddleOfEverything) {
  start();
  Connection busy(server->port());
  busy.send("POST", "/api/chat", chat(100000).dump());
  ASSERT_TRUE(busy.read_until("\"done\":false"));
  Connection queued(server->port());
  queued.send("POST", "/api/chat", chat(5).dump());
  Connection idle(server->port());
  const MonotonicTime begin = monotonic_now();
  server->stop();
  EXPECT_LT(monotonic_now() - begin, 2s);
  EXPECT_EQ(runner_pid(), 0);
  EXPECT_THROW(Connection{server->port()}, std::runtime_error);
}

TEST_F(OllamaServerTest, APortInUseIsNamed) {
  start();
  OllamaServerOptions same;
  same.port = server->port();
  SimulatedOllama second(board, same);
  try {
    second.start();
    FAIL() << "listened twice";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(server->port())),
              std::string::npos);
  }
}

}  // namespace
}  // namespace tegrascope::simulator
