// Unprivileged and without a flag beyond the root of the tree: a board whose Ollama runs in a container with
// a published port. Board metrics, joules and placement appear although no client comes through us.
#include <gtest/gtest.h>

#include <csignal>

#include "simulator/simulation.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFourSeconds =
    R"({"model":"qwen2.5:7b","messages":[{"role":"user","content":"count"}],"stream":false,"options":{"num_predict":38}})";

TEST(BoardFixture, AContainerWithAPublishedPortIsWatchedWithoutAnyFlag) {
  TempTree directory;
  simulator::SimulationOptions options;
  options.rootfs = directory.root() / "rootfs";
  options.scenario = "idle";
  options.container = true;
  simulator::Simulation simulation(options);
  simulation.start();

  AgentProcess agent("run", {"--path.rootfs=" + options.rootfs.string()}, directory.root());
  const std::string server = simulation.ollama_url().substr(std::string("http://").size());
  ASSERT_TRUE(wait_until(20s, [&] {
    return agent.scrape().sum("tegrascope_ollama_up", {{"server", server}}) == 1.0;
  })) << agent.process().errors();

  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(http_post(simulation.ollama_url() + "/api/chat", kFourSeconds).status, 200);

  const std::map<std::string, std::string> model{{"server", server}, {"model", "qwen2.5:7b"}};
  auto on_gpu = model;
  on_gpu["placement"] = "gpu";
  ASSERT_TRUE(wait_until(20s, [&] {
    return agent.scrape().sum("tegrascope_model_placement", on_gpu) == 1.0;
  })) << http_get(agent.url() + "/metrics").body;
  const Exposition e = agent.scrape();
  EXPECT_GT(e.sum("tegrascope_attributed_energy_joules_total", model).value_or(0), 20);
  EXPECT_GT(e.sum("tegrascope_attributed_gpu_seconds_total", model).value_or(0), 2);
  EXPECT_GT(e.sum("tegrascope_attributed_cpu_seconds_total", model).value_or(0), 0.1);
  EXPECT_EQ(e.sum("tegrascope_tokens_total", model).value_or(0), 0) << "nobody counted tokens";
  EXPECT_GT(e.sum("tegrascope_board_power_watts").value_or(0), 3);
  EXPECT_GT(e.sum("tegrascope_temperature_celsius", {{"zone", "cpu"}}).value_or(0), 20);
  EXPECT_EQ(e.sum("tegrascope_board_info").value_or(0), 1);
  EXPECT_FALSE(e.sum("tegrascope_temperature_celsius", {{"zone", "cv0"}})) << "gated zones have no value";

  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(10s), 0);
}

}  // namespace
}  // namespace tegrascope::test
