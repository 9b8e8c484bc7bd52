// The agent says why a model is on the CPU and what to type: metric and log line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/simulation.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kFourSeconds =
    R"({"model":"qwen2.5:7b","prompt":"count","stream":false,"options":{"num_predict":24}})";

TEST(Fallback, AContainerWithoutTheNvidiaRuntimeIsNamedAsTheReason) {
  TempTree directory;
  simulator::SimulationOptions options;
  options.rootfs = directory.root() / "rootfs";
  options.scenario = "cpu";
  options.container = true;
  options.speed = 2;
  simulator::Simulation simulation(options);
  simulation.start();
  directory.write("rootfs/proc/2101/mountinfo",
                  "2100 1900 0:120 / / rw,relatime - overlay overlay rw,lowerdir=/x\n");

  AgentProcess agent("run",
                     {"--path.rootfs=" + options.rootfs.string(), "--ollama.url=" + simulation.ollama_url()},
                     directory.root());
  const auto reason = [&] {
    return agent.scrape().sum("tegrascope_model_fallback_info",
                              {{"model", "qwen2.5:7b"}, {"reason", "no-gpu"}});
  };
  EXPECT_FALSE(reason()) << "nothing has run yet";
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(http_post(simulation.ollama_url() + "/api/generate", kFourSeconds).status, 200);
  ASSERT_TRUE(wait_until(30s, [&] { return reason() == 1.0; })) << http_get(agent.url() + "/metrics").body;
  const std::string page = http_get(agent.url() + "/metrics").body;
  EXPECT_THAT(page,
              HasSubstr("cure=\"docker stop CONTAINER && docker run -d --name ollama-gpu --runtime nvidia"));
  ASSERT_TRUE(wait_until(5s, [&] {
    return agent.process().errors().find("reason=no-gpu cure=") != std::string::npos;
  })) << agent.process().errors();
}

}  // namespace
}  // namespace tegrascope::test
