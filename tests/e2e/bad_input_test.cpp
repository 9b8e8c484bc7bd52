// Whatever is wrong outside, the agent goes on and says so once.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "simulator/simulation.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

simulator::SimulationOptions idle_board(const TempTree& directory, std::uint16_t port = 0) {
  simulator::SimulationOptions options;
  options.rootfs = directory.root() / "rootfs";
  options.scenario = "idle";
  options.ollama_port = port;
  return options;
}

TEST(BadInput, OllamaGoesAndComesBack) {
  TempTree directory;
  auto simulation = std::make_unique<simulator::Simulation>(idle_board(directory));
  simulation->start();
  const std::string url = simulation->ollama_url();
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  AgentProcess agent("run",
                     {"--path.rootfs=" + idle_board(directory).rootfs.string(), "--ollama.url=" + url,
                      "--relay.listen-address=127.0.0.1:0"},
                     directory.root());
  const auto up_is = [&](double value) { return agent.scrape().sum("tegrascope_ollama_up") == value; };
  ASSERT_TRUE(wait_until(20s, [&] { return up_is(1); }));

  simulation.reset();
  std::filesystem::remove_all(idle_board(directory).rootfs);
  EXPECT_EQ(http_post(agent.relay_url() + "/api/chat", "{}").status, 502);
  ASSERT_TRUE(wait_until(30s, [&] { return up_is(0); })) << agent.process().errors();
  EXPECT_EQ(count(agent.process().errors(), "Ollama does not answer"), 1u) << agent.process().errors();

  simulation = std::make_unique<simulator::Simulation>(idle_board(directory, port));
  simulation->start();
  ASSERT_TRUE(wait_until(30s, [&] { return up_is(1); })) << agent.process().errors();
  EXPECT_EQ(http_get(agent.relay_url() + "/api/version").status, 200);
  EXPECT_EQ(count(agent.process().errors(), "Ollama answers"), 2u) << agent.process().errors();
  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(10s), 0);
}

TEST(BadInput, GarbageInASensorFileMovesTheErrorCounterAndLeavesTheRest) {
  TempTree directory;
  const simulator::SimulationOptions options = idle_board(directory);
  {
    // Only the tree is needed: once the simulation has stopped nobody rewrites it.
    simulator::Simulation simulation(options);
    simulation.start();
    simulation.stop();
  }
  const auto load = options.rootfs / "sys/devices/platform/bus@0/17000000.gpu/load";
  std::ofstream(load, std::ios::trunc) << "not a number\n";

  AgentProcess agent("run", {"--path.rootfs=" + options.rootfs.string()}, directory.root());
  ASSERT_TRUE(wait_until(10s, [&] {
    return agent.scrape().sum("tegrascope_sample_errors_total", {{"collector", "gpu"}}).value_or(0) >= 2;
  })) << http_get(agent.url() + "/metrics").body;
  const Exposition e = agent.scrape();
  EXPECT_FALSE(e.has("tegrascope_gpu_utilization_ratio"));
  EXPECT_TRUE(e.has("tegrascope_board_power_watts"));
  EXPECT_EQ(count(agent.process().errors(), "not a number"), 1u) << agent.process().errors();

  std::ofstream(load, std::ios::trunc) << "970\n";
  EXPECT_TRUE(
      wait_until(15s, [&] { return agent.scrape().sum("tegrascope_gpu_utilization_ratio") == 0.97; }));
}

TEST(BadInput, AnInvalidAnswerStillReachesTheClient) {
  TempTree directory;
  simulator::Simulation simulation(idle_board(directory));
  simulation.start();
  AgentProcess agent("run",
                     {"--path.rootfs=" + idle_board(directory).rootfs.string(),
                      "--ollama.url=" + simulation.ollama_url(), "--relay.listen-address=127.0.0.1:0"},
                     directory.root());
  const std::string direct = http_post(simulation.ollama_url() + "/api/chat", "{not json").body;
  EXPECT_EQ(http_post(agent.relay_url() + "/api/chat", "{not json").body, direct);
  EXPECT_EQ(http_post(agent.relay_url() + "/api/chat", R"({"model":"nosuch"})").status, 404);
  ASSERT_TRUE(wait_until(5s, [&] {
    return agent.scrape().sum("tegrascope_requests_total", {{"model", "other"}, {"code", "404"}}) == 1.0;
  })) << http_get(agent.url() + "/metrics").body;
}

TEST(BadInput, ARelayWithoutAnyOllamaSaysWhatToDo) {
  TempTree directory;
  directory.write("rootfs/proc/stat", "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
  ChildProcess agent(
      {TEGRASCOPE_PROGRAM, "run", "--web.listen-address=127.0.0.1:0",
       "--path.rootfs=" + (directory.root() / "rootfs").string(), "--relay.listen-address=127.0.0.1:0"},
      directory.root());
  EXPECT_EQ(agent.wait_for(10s), 2);
  EXPECT_NE(agent.errors().find("--ollama.url"), std::string::npos) << agent.errors();
}

}  // namespace
}  // namespace tegrascope::test
