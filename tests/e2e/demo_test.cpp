// The first thing a user runs: it shows the fallback and the recovery, ends in time and leaves nothing.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

bool placement_is(const AgentProcess& demo, const std::string& placement) {
  return demo.scrape().sum("tegrascope_model_placement", {{"placement", placement}}) == 1.0;
}

std::size_t scratch_directories() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path())) {
    count += entry.path().filename().string().rfind("tegrascope-demo-", 0) == 0 ? 1 : 0;
  }
  return count;
}

TEST(Demo, ShowsTheFallbackTheRecoveryAndEnds) {
  TempTree directory;
  AgentProcess demo("demo", {"--seconds=45"}, directory.root());
  const auto begin = Clock::now();

  EXPECT_TRUE(wait_until(15s, [&] { return placement_is(demo, "cpu"); })) << demo.process().output();
  const auto fell_back = Clock::now() - begin;
  EXPECT_TRUE(wait_until(std::chrono::duration_cast<std::chrono::milliseconds>(40s - fell_back), [&] {
    return placement_is(demo, "gpu");
  })) << demo.process().output();
  const auto recovered = Clock::now() - begin;
  std::printf("cpu after %.1f s, gpu again after %.1f s\n", std::chrono::duration<double>(fell_back).count(),
              std::chrono::duration<double>(recovered).count());

  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(55s - (Clock::now() - begin));
  EXPECT_EQ(demo.process().wait_for(left), 0);
  EXPECT_FALSE(demo.has_port_files());
  EXPECT_NE(demo.process().output().find("qwen2.5:7b"), std::string::npos) << demo.process().output();
}

TEST(Demo, ItsUrlsNameTheAddressThatIsListenedOn) {
  for (const auto& [given, host] : {std::pair{"127.0.0.2:0", "127.0.0.2"}, {"0.0.0.0:0", "127.0.0.1"}}) {
    TempTree directory;
    ChildProcess demo(
        {TEGRASCOPE_PROGRAM, "demo", "--scenario=idle", "--seconds=1",
         std::string("--web.listen-address=") + given, std::string("--relay.listen-address=") + given},
        directory.root());
    EXPECT_EQ(demo.wait_for(20s), 0) << demo.errors();
    const std::string url = std::string("http://") + host + ":";
    EXPECT_NE(demo.output().find("metrics      " + url), std::string::npos) << demo.output();
    EXPECT_NE(demo.output().find("relay        " + url), std::string::npos) << demo.output();
  }
}

TEST(Demo, StopsAtOnceWhenAsked) {
  const std::size_t before = scratch_directories();
  TempTree directory;
  AgentProcess demo("demo", {}, directory.root());
  demo.process().signal(SIGINT);
  EXPECT_EQ(demo.process().wait_for(10s), 0) << demo.process().errors();
  EXPECT_LE(scratch_directories(), before);
}

TEST(Demo, NamesTheNearestScenario) {
  TempTree directory;
  ChildProcess demo({TEGRASCOPE_PROGRAM, "demo", "--scenario=sead"}, directory.root());
  EXPECT_EQ(demo.wait_for(10s), 2);
  EXPECT_NE(demo.errors().find("seed"), std::string::npos) << demo.errors();
}

}  // namespace
}  // namespace tegrascope::test
