// On any Linux machine: what it has appears, what it lacks is absent.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

TEST(OwnMachine, CpuAndMemoryAppearAndTheRestIsAbsent) {
  if (std::filesystem::exists("/etc/nv_tegra_release")) GTEST_SKIP() << "this is a Jetson";
  TempTree directory;
  AgentProcess agent("run", {}, directory.root());
  EXPECT_TRUE(wait_until(10s, [&] { return http_get(agent.url() + "/-/ready").status == 200; }));
  EXPECT_TRUE(wait_until(10s, [&] { return agent.scrape().has("process_resident_memory_bytes"); }));
  const Exposition e = agent.scrape();

  EXPECT_GT(e.sum("tegrascope_cpu_seconds_total", {{"mode", "idle"}}).value_or(0), 0);
  EXPECT_DOUBLE_EQ(e.sum("tegrascope_memory_bytes").value_or(-1),
                   e.sum("tegrascope_memory_total_bytes").value_or(-2));
  EXPECT_EQ(e.sum("tegrascope_collector_up", {{"collector", "cpu"}}), 1.0);
  EXPECT_GT(e.sum("process_resident_memory_bytes").value_or(0), 0);
  EXPECT_TRUE(e.has("tegrascope_build_info"));
  for (const char* absent : {"tegrascope_board_power_watts", "tegrascope_board_energy_joules_total",
                             "tegrascope_rail_power_watts", "tegrascope_model_placement"}) {
    EXPECT_FALSE(e.has(absent)) << absent;
  }

  agent.process().signal(SIGTERM);
  EXPECT_EQ(agent.process().wait_for(10s), 0);
  EXPECT_FALSE(agent.has_port_files());
}

// The 17th field behind the name (proc(5)).
std::optional<int> niceness(pid_t pid, const std::string& thread) {
  const auto tasks = std::filesystem::path("/proc") / std::to_string(pid) / "task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    if (stat.find("(" + thread + ")") == std::string::npos) continue;
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string field;
    for (int i = 0; i < 17; ++i) fields >> field;
    return std::stoi(field);
  }
  return std::nullopt;
}

TEST(OwnMachine, TheAnalysisGivesWayToTheRelay) {
  TempTree directory;
  AgentProcess agent("run", {"--relay.listen-address=127.0.0.1:0", "--ollama.url=http://127.0.0.1:1"},
                     directory.root());
  const pid_t pid = agent.process().pid();
  ASSERT_TRUE(wait_until(10s, [&] { return niceness(pid, "service") && niceness(pid, "relay"); }));
  EXPECT_TRUE(wait_until(10s, [&] { return niceness(pid, "service") > niceness(pid, "relay"); }));
}

TEST(OwnMachine, TheEndpointAnswersWhatAnExporterShould) {
  TempTree directory;
  AgentProcess agent("run", {}, directory.root());
  EXPECT_EQ(http_get(agent.url() + "/-/healthy").status, 200);
  EXPECT_EQ(http_get(agent.url() + "/").status, 200);
  EXPECT_EQ(http_get(agent.url() + "/nothing").status, 404);
  EXPECT_EQ(http_post(agent.url() + "/metrics", "{}").status, 405);
}

}  // namespace
}  // namespace tegrascope::test
