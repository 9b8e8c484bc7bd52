#include "simulator/simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "simulator/scenario.hpp"
#include "tests/unit/simulator/http_client.hpp"
#include "tests/unit/simulator/support.hpp"

namespace tegrascope::simulator {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class SimulationTest : public ::testing::Test {
 protected:
  SimulationOptions options(std::string scenario, double speed = 20) const {
    SimulationOptions o;
    o.rootfs = folder.path() / "root";
    o.scenario = std::move(scenario);
    o.speed = speed;
    return o;
  }
  static std::set<std::string> runner_pids(const fs::path& root) {
    std::set<std::string> pids;
    for (const fs::directory_entry& entry : fs::directory_iterator(root / "proc"))
      if (test::slurp(entry.path() / "comm") == "llama-server\n") pids.insert(entry.path().filename());
    return pids;
  }
  test::TemporaryFolder folder;
};

TEST(ScenarioTest, AllNamesAreFound) {
  EXPECT_EQ(scenario_names(), (std::vector<std::string>{"fallback", "seed", "gpu", "cpu", "partial", "lying",
                                                        "throttle", "power-mode", "foreign-gpu", "embeddings",
                                                        "cold-load", "tour", "idle"}));
  for (const std::string& name : scenario_names()) {
    ASSERT_TRUE(find_scenario(name).has_value()) << name;
    EXPECT_FALSE(find_scenario(name)->description.empty()) << name;
  }
  EXPECT_FALSE(find_scenario("gpus").has_value());
}

TEST(ScenarioTest, SeedIsTheComparisonItNames) {
  const std::vector<ScriptedRequest> requests = find_scenario("seed")->clients->requests;
  ASSERT_EQ(requests.size(), 10u);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].placement, i < 5 ? Placement::cpu : Placement::gpu);
    EXPECT_FALSE(requests[i].streamed);
  }
  EXPECT_EQ(requests[0].num_predict, 15);  // 4.08 s at 3.68 token/s
  EXPECT_EQ(requests[5].tokens_per_second, 9.31);
}

TEST_F(SimulationTest, AnUnknownScenarioIsNamedWithItsNeighbours) {
  try {
    Simulation simulation(options("partal"));
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("'partal'"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("did you mean partial"), std::string::npos);
  }
  EXPECT_THROW(Simulation{SimulationOptions{}}, std::invalid_argument);
}

TEST_F(SimulationTest, TreeAndServerAreThereAfterStart) {
  Simulation simulation(options("idle"));
  simulation.start();
  EXPECT_TRUE(fs::exists(simulation.tegrastats()));
  EXPECT_FALSE(test::slurp(folder.path() / "root/proc/stat").empty());
  const auto port = static_cast<std::uint16_t>(std::stoi(simulation.ollama_url().substr(17)));
  EXPECT_EQ(test::request(port, "GET", "/").body, "Ollama is running");
  const std::string before = test::slurp(folder.path() / "root/proc/uptime");
  EXPECT_TRUE(test::eventually([&] { return test::slurp(folder.path() / "root/proc/uptime") != before; }));
  simulation.start_clients(simulation.ollama_url());
  EXPECT_EQ(simulation.client_counts().answered, 0u);
}

TEST_F(SimulationTest, ClientsAreServedAndCounted) {
  Simulation simulation(options("gpu"));
  simulation.start();
  simulation.start_clients(simulation.ollama_url());
  simulation.begin();
  EXPECT_TRUE(test::eventually([&] { return simulation.client_counts().answered >= 6; }));
  EXPECT_EQ(runner_pids(folder.path() / "root").size(), 1u);
  const MonotonicTime begin = monotonic_now();
  simulation.stop();
  EXPECT_LT(monotonic_now() - begin, 2s);
  const SimulationTruth truth = simulation.truth();
  std::set<std::string> endpoints;
  double best_rate = 0;
  for (const RequestTruth& request : truth.requests) {
    EXPECT_EQ(request.placement, Placement::gpu);
    if (!request.finished) continue;
    endpoints.insert(request.endpoint);
    EXPECT_LT(request.decode_rate() / 20, 9.31 * 1.02);  // a late timer makes it slower, never faster
    best_rate = std::max(best_rate, request.decode_rate() / 20);
    EXPECT_GE(request.output_tokens, 12);
    EXPECT_LE(request.output_tokens, 16);
  }
  EXPECT_EQ(endpoints, (std::set<std::string>{"/api/chat", "/api/generate", "/v1/chat/completions"}));
  EXPECT_GT(best_rate, 9.31 * 0.9);
  EXPECT_GT(truth.vdd_in_joules, 0);
  EXPECT_GT(truth.gpu_busy_seconds, 0);
  EXPECT_EQ(simulation.client_counts().failed, 0u);
}

TEST_F(SimulationTest, ClientsStopInTheMiddleOfARequest) {
  Simulation simulation(options("cpu", 1.0));
  simulation.start();
  simulation.start_clients(simulation.ollama_url());
  EXPECT_TRUE(test::eventually([&] { return !runner_pids(folder.path() / "root").empty(); }));
  const MonotonicTime begin = monotonic_now();
  simulation.stop();
  EXPECT_LT(monotonic_now() - begin, 2s);  // its first request lasts some 5 s
  EXPECT_EQ(simulation.client_counts().answered, 0u);
}

TEST_F(SimulationTest, AScriptRunsOnceAndEndsIdle) {
  Simulation simulation(options("seed", 60));
  simulation.start();
  simulation.start_clients(simulation.ollama_url());
  simulation.begin();
  EXPECT_TRUE(test::eventually([&] { return simulation.clients_done(); }, 40s));
  const SimulationTruth truth = simulation.truth();
  ASSERT_EQ(truth.requests.size(), 10u);
  std::set<std::int64_t> pids;
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(truth.requests[i].placement, i < 5 ? Placement::cpu : Placement::gpu);
    pids.insert(truth.requests[i].runner_pid);
  }
  EXPECT_EQ(pids.size(), 2u);
  EXPECT_LT(truth.requests[3].decode_rate() / 60, 4.26 * 1.02);
  EXPECT_GT(truth.requests[3].decode_rate() / 60, 4.26 * 0.5);
  EXPECT_EQ(simulation.client_counts().answered, 10u);
}

TEST_F(SimulationTest, DemoFallsToTheCpuAfterFiveSeconds) {
  Simulation simulation(options("fallback"));
  simulation.start();
  simulation.start_clients(simulation.ollama_url());
  const MonotonicTime begin = monotonic_now();
  simulation.begin();
  const auto cpu_seen = [&] {
    const SimulationTruth truth = simulation.truth();
    return std::any_of(truth.requests.begin(), truth.requests.end(),
                       [](const RequestTruth& r) { return r.placement == Placement::cpu; });
  };
  EXPECT_TRUE(test::eventually(cpu_seen, 20s));
  EXPECT_GE(monotonic_now() - begin, 5s);
  const SimulationTruth truth = simulation.truth();
  EXPECT_EQ(truth.requests.front().placement, Placement::gpu);
  for (const RequestTruth& request : truth.requests) {
    if (request.placement != Placement::cpu) continue;
    EXPECT_GE(request.prefill_began, begin + 5s);
  }
}

TEST_F(SimulationTest, AContainersRunnerIsOutOfReach) {
  SimulationOptions o = options("gpu");
  o.container = true;
  o.runner = RunnerKind::ollama_runner;
  Simulation simulation(o);
  simulation.start();
  simulation.start_clients(simulation.ollama_url());
  EXPECT_TRUE(test::eventually([&] { return simulation.client_counts().answered >= 1; }));
  std::string argv;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path() / "root/proc")) {
    const std::string text = test::slurp(entry.path() / "cmdline");
    if (text.find("--ollama-engine") != std::string::npos) argv = text;
  }
  const std::size_t at = argv.find("--port");
  ASSERT_NE(at, std::string::npos);
  const int port = std::stoi(argv.substr(at + 7));
  EXPECT_THROW(test::Connection{static_cast<std::uint16_t>(port)}, std::runtime_error);
}

TEST_F(SimulationTest, OnlyTheTreeStays) {
  std::uint16_t port = 0;
  {
    Simulation simulation(options("gpu"));
    simulation.start();
    simulation.start_clients(simulation.ollama_url());
    port = static_cast<std::uint16_t>(std::stoi(simulation.ollama_url().substr(17)));
  }
  EXPECT_THROW(test::Connection{port}, std::runtime_error);
  EXPECT_TRUE(fs::exists(folder.path() / "root/proc/stat"));
}

}  // namespace
}  // namespace tegrascope::simulator
