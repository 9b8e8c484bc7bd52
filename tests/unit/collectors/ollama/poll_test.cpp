#include "collectors/ollama/poll.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "collectors/ollama/server_address.hpp"
#include "event_queue.hpp"
#include "fake_http_server.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

const std::string kBlob(64, 'c');

// An Ollama whose answers a test can change while it runs.
class FakeOllama {
 public:
  struct Answers {
    std::optional<std::string> version = FakeHttpServer::answer(200, R"({"version":"0.33.0"})");
    std::optional<std::string> ps = FakeHttpServer::answer(
        200, R"({"models":[{"name":"qwen2.5:7b","digest":"d1","size":100,"size_vram":100}]})");
    std::optional<std::string> tags = FakeHttpServer::answer(
        200, R"({"models":[{"name":"qwen2.5:7b","digest":"d1","size":90},{"name":"big:cloud","size":300,)"
             R"("digest":"d9","remote_host":"https://ollama.com:443"}]})");
    std::optional<std::string> show =
        FakeHttpServer::answer(200, R"({"modelfile":"FROM /m/blobs/sha256-)" + kBlob + R"(\n"})");
  };

  void set(const Answers& answers) {
    const std::lock_guard lock{mutex_};
    answers_ = answers;
  }
  OllamaServer server() const { return server_from_url(http.url()); }

  EventQueue<std::pair<std::string, MonotonicTime>> asked;  // path, when
  EventQueue<std::string> shown;                            // bodies of /api/show

 private:
  std::optional<std::string> reply(const FakeRequest& request) {
    asked.push({request.path, monotonic_now()});
    if (request.path == "/api/show") shown.push(request.body);
    const std::lock_guard lock{mutex_};
    if (request.path == "/api/version") return answers_.version;
    if (request.path == "/api/tags") return answers_.tags;
    return request.path == "/api/ps" ? answers_.ps : answers_.show;
  }
  std::mutex mutex_;
  Answers answers_;

 public:
  FakeHttpServer http{[this](const FakeRequest& r) { return reply(r); }};  // last: its thread uses the rest
};

class PollerTest : public testing::Test {
 protected:
  static PollOptions quick() { return {40ms, 40ms, 60s, 10ms}; }
  static PollOptions rare() { return {1h, 1h, 1h, 10ms}; }
  static OutboundOptions impatient() {
    OutboundOptions options;
    options.total_timeout = 150ms;
    return options;
  }

  void watch(const PollOptions& options, std::vector<OllamaServer> servers) {
    poller_.emplace(outbound_, std::move(servers), options,
                    [this](ServerState&& s) { states_.push(std::move(s)); });
    poller_->start();
  }
  void watch(const PollOptions& options) { watch(options, {ollama_.server()}); }

  std::optional<ServerState> wait_up(bool up) {
    return states_.wait_for([&](const ServerState& s) { return s.up == up; });
  }
  std::optional<MonotonicTime> wait_asked(const std::string& path) {
    const auto found = ollama_.asked.wait_for([&](const auto& a) { return a.first == path; });
    return found ? std::optional{found->second} : std::nullopt;
  }
  static FakeOllama::Answers with_ps(std::optional<std::string> ps) {
    FakeOllama::Answers answers;
    answers.ps = std::move(ps);
    return answers;
  }

  FakeOllama ollama_;
  EventQueue<ServerState> states_;
  Outbound outbound_{impatient()};
  std::optional<Poller> poller_;
};

// What a server that speaks only OpenAI's API is asked.
TEST(PollerOfOpenaiServers, AsksTheirHealthAndNothingOfOllama) {
  EventQueue<std::string> asked;
  std::atomic<int> health{200};
  FakeHttpServer http([&](const FakeRequest& request) {
    asked.push(request.path);
    return FakeHttpServer::answer(request.path == "/health" ? health.load() : 200, "{}");
  });
  OllamaServer server = server_from_url(http.url());
  server.kind = UpstreamKind::openai;
  EventQueue<ServerState> states;
  Outbound outbound;
  Poller poller(outbound, {server}, {20ms, 20ms, 60s, 1ms},
                [&](ServerState&& state) { states.push(std::move(state)); });
  poller.start();
  const auto up = states.next();
  ASSERT_TRUE(up);
  EXPECT_TRUE(up->up);
  EXPECT_FALSE(up->models_known);
  EXPECT_EQ(asked.next(), "/health");
  health = 503;  // llama.cpp while it loads
  const auto loading = states.wait_for([](const ServerState& s) { return !s.up; });
  ASSERT_TRUE(loading);
  EXPECT_EQ(loading->error, "/health answered HTTP 503");
  health = 404;
  EXPECT_TRUE(states.wait_for([](const ServerState& s) { return s.up; }));
  poller.stop();
  while (const auto path = asked.wait_for([](const std::string&) { return true; }, 0s))
    EXPECT_TRUE(*path == "/health" || *path == "/v1/models") << *path;
}

TEST_F(PollerTest, up) {
  watch(rare());
  const auto state = states_.next();
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->up);
  EXPECT_EQ(state->error, "");
  EXPECT_EQ(state->version, "0.33.0");
  EXPECT_EQ(state->server.name, ollama_.http.name());
  EXPECT_TRUE(state->models_known);
  ASSERT_EQ(state->models.size(), 1u);
  EXPECT_EQ(state->models[0].name, "qwen2.5:7b");
  EXPECT_GT(state->at, MonotonicTime{});
}

TEST_F(PollerTest, the_blob_is_asked_once_per_model_and_digest) {
  watch(quick());
  const auto has_blob = [](const ServerState& s) { return s.up && s.models.at(0).model_blob == kBlob; };
  ASSERT_TRUE(states_.wait_for(has_blob));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(wait_asked("/api/ps"));
  EXPECT_TRUE(has_blob(*states_.next()));
  ollama_.set(with_ps(FakeHttpServer::answer(200, R"({"models":[{"name":"qwen2.5:7b","digest":"d2"}]})")));
  ASSERT_TRUE(
      states_.wait_for([&](const ServerState& s) { return s.models.at(0).digest == "d2" && has_blob(s); }));
  poller_->stop();
  EXPECT_EQ(nlohmann::json::parse(*ollama_.shown.next()).at("model"), "qwen2.5:7b");
  ASSERT_TRUE(ollama_.shown.next());
  EXPECT_FALSE(ollama_.shown.wait_for([](const auto&) { return true; }, 0s));
}

TEST_F(PollerTest, shape_and_size_on_disk_come_with_later_states) {
  FakeOllama::Answers answers;
  answers.show = FakeHttpServer::answer(
      200,
      R"({"modelfile":"FROM x\n","model_info":{"general.architecture":"qwen2","qwen2.block_count":28}})");
  ollama_.set(answers);
  watch(quick());
  const auto state = states_.wait_for([](const ServerState& s) {
    return s.up && s.models.at(0).shape && s.models.at(0).file_bytes && s.installed_models;
  });
  ASSERT_TRUE(state);
  EXPECT_EQ(state->models[0].shape->block_count, 28);
  EXPECT_EQ(state->models[0].file_bytes, 90u);
  EXPECT_EQ(state->installed_models, 2u);
  EXPECT_EQ(state->remote_models, std::vector<std::string>{"big:cloud"});
  EXPECT_FALSE(state->models[0].remote);
}

TEST_F(PollerTest, what_is_installed_is_asked_rarely) {
  ollama_.set(with_ps(FakeHttpServer::answer(200, R"({"models":[{"name":"gone:1","digest":"dx"}]})")));
  watch(quick());
  ASSERT_TRUE(wait_asked("/api/tags"));
  ASSERT_TRUE(states_.wait_for([](const ServerState& s) { return s.installed_models.has_value(); }));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(wait_up(true));
  poller_->stop();
  EXPECT_FALSE(ollama_.asked.wait_for([](const auto& a) { return a.first == "/api/tags"; }, 0s))
      << "a model that the list lacks is no reason to ask in each round";
}

TEST_F(PollerTest, a_stalled_show_delays_no_round_and_is_asked_one_at_a_time) {
  FakeOllama::Answers answers = with_ps(FakeHttpServer::answer(
      200, R"({"models":[{"name":"a:1","digest":"d1"},{"name":"b:1","digest":"d2"}]})"));
  answers.show = std::nullopt;
  ollama_.set(answers);
  watch(quick());
  ASSERT_TRUE(ollama_.shown.next());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(wait_up(true));
  EXPECT_FALSE(
      ollama_.shown.wait_for([](const auto& body) { return body.find("b:1") != std::string::npos; }, 0s));
}

TEST_F(PollerTest, the_version_is_not_asked_in_each_round) {
  watch(quick());
  ASSERT_TRUE(wait_asked("/api/version"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(wait_up(true));
  poller_->stop();
  EXPECT_FALSE(ollama_.asked.wait_for([](const auto& a) { return a.first == "/api/version"; }, 0s));
}

TEST_F(PollerTest, down) {
  ollama_.http.stop();
  watch(rare());
  const auto state = states_.next();
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->up);
  EXPECT_EQ(state->error, "connection refused");
  EXPECT_FALSE(state->models_known);
  EXPECT_EQ(state->version, "");
}

TEST_F(PollerTest, a_stall_is_unknown_not_empty) {
  watch(quick());
  ASSERT_TRUE(wait_up(true));
  ollama_.set(with_ps(std::nullopt));
  const auto state = wait_up(false);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->error, "no answer in time");
  EXPECT_FALSE(state->models_known);
  EXPECT_TRUE(state->models.empty());
  EXPECT_EQ(state->version, "0.33.0");
}

TEST_F(PollerTest, an_error_status) {
  ollama_.set(with_ps(FakeHttpServer::answer(500, "{}")));
  watch(rare());
  const auto state = states_.next();
  EXPECT_FALSE(state->up);
  EXPECT_EQ(state->error, "/api/ps answered HTTP 500");
  EXPECT_FALSE(state->models_known);
}

TEST_F(PollerTest, garbage) {
  ollama_.set(with_ps(FakeHttpServer::answer(200, "<html>hello</html>")));
  watch(rare());
  const auto state = states_.next();
  EXPECT_FALSE(state->up);
  EXPECT_EQ(state->error, "/api/ps answered with something that is not Ollama's JSON");
}

TEST_F(PollerTest, an_ollama_without_ps_is_up_with_unknown_models) {
  ollama_.set(with_ps(FakeHttpServer::answer(404, "404 page not found")));
  watch(rare());
  const auto state = states_.next();
  EXPECT_TRUE(state->up);
  EXPECT_EQ(state->error, "");
  EXPECT_FALSE(state->models_known);
}

TEST_F(PollerTest, a_restart_is_seen_with_the_new_version) {
  watch(quick());
  ASSERT_TRUE(wait_up(true));
  ollama_.http.stop();
  ASSERT_TRUE(wait_up(false));
  FakeOllama::Answers answers;
  answers.version = FakeHttpServer::answer(200, R"({"version":"0.34.0"})");
  ollama_.set(answers);
  ollama_.http.start();
  const auto state = wait_up(true);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->version, "0.34.0");
}

TEST_F(PollerTest, poll_soon_polls_at_once) {
  watch(rare());
  ASSERT_TRUE(states_.wait_for(
      [](const ServerState& s) { return s.up && !s.models.at(0).model_blob.empty() && s.installed_models; }));
  poller_->poll_soon("127.0.0.1:1");
  poller_->poll_soon(ollama_.http.name());
  EXPECT_TRUE(states_.next());
}

TEST_F(PollerTest, many_calls_of_poll_soon_are_few_polls) {
  PollOptions options = rare();
  options.shortest_gap = 200ms;
  watch(options);
  std::vector<MonotonicTime> polls;
  std::thread caller{[&] {
    for (int i = 0; i < 2000; ++i) poller_->poll_soon(ollama_.http.name());
  }};
  polls.push_back(wait_asked("/api/ps").value_or(MonotonicTime{}));
  caller.join();
  poller_->poll_soon(ollama_.http.name());
  polls.push_back(wait_asked("/api/ps").value_or(MonotonicTime{}));
  EXPECT_GE(polls[1] - polls[0], 100ms);
  poller_->stop();
}

TEST_F(PollerTest, busy_polls_more_often) {
  PollOptions options{20ms, 1h, 1h, 5ms};
  ollama_.set(with_ps(FakeHttpServer::answer(200, R"({"models":[]})")));
  watch(options);
  ASSERT_TRUE(wait_up(true));
  poller_->set_busy(true);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(wait_up(true));
}

TEST_F(PollerTest, a_resident_model_polls_more_often) {
  watch({20ms, 1h, 1h, 5ms});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(wait_up(true));
}

TEST_F(PollerTest, servers_come_and_go) {
  FakeOllama second;
  watch(quick());
  ASSERT_TRUE(wait_up(true));
  OllamaServer found = second.server();
  found.serve_pid = 77;
  poller_->set_servers({found});
  const auto state =
      states_.wait_for([&](const ServerState& s) { return s.server.name == second.http.name(); });
  ASSERT_TRUE(state);
  EXPECT_EQ(state->server.serve_pid, 77);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(states_.next()->server.name, second.http.name());
}

TEST_F(PollerTest, nothing_is_delivered_after_stop) {
  watch(quick());
  ASSERT_TRUE(wait_up(true));
  poller_->stop();
  while (states_.wait_for([](const auto&) { return true; }, 0s)) {
  }
  EventQueue<int> done;
  outbound_.call_at(monotonic_now() + 100ms, [&] { done.push(1); });
  ASSERT_TRUE(done.next());
  EXPECT_FALSE(states_.wait_for([](const auto&) { return true; }, 0s));
}

TEST_F(PollerTest, outbound_may_stop_first) {
  ollama_.set(with_ps(std::nullopt));
  watch(rare());
  ASSERT_TRUE(wait_asked("/api/ps"));
  outbound_.stop();
  poller_.reset();
}

}  // namespace
}  // namespace tegrascope
