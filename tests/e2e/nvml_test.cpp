// The whole program with a fake libnvidia-ml.so: the card's figures in /metrics, and a call that blocks.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/agent_process.hpp"
#include "tests/support/fake_nvml.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Labels = std::map<std::string, std::string>;

constexpr auto kLongestStop = 2s;

class Nvml : public testing::Test {
 protected:
  void start(const std::string& board, bool with_library = true) {
    std::vector<std::string> flags{"--path.rootfs=" TEGRASCOPE_FIXTURES "/" + board,
                                   "--sample.idle-interval=100ms"};
    if (with_library) flags.push_back("--path.nvml-library=" + fake_.library().string());
    agent_.emplace("run", flags, directory_.root());
  }
  void stop() {
    const auto before = Clock::now();
    agent_->process().signal(SIGTERM);
    EXPECT_EQ(agent_->process().wait_for(10s), 0) << agent_->process().errors();
    EXPECT_LT(Clock::now() - before, kLongestStop);
  }
  std::optional<double> value(const std::string& name, const Labels& labels = {}) {
    return agent_->scrape().sum(name, labels);
  }

  TempTree directory_;
  FakeNvml fake_;
  std::optional<AgentProcess> agent_;
};

TEST_F(Nvml, ACardOfAPcIsExported) {
  fake_.set_card();
  start("pc-debian12");
  ASSERT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_gpu_utilization_ratio", {{"gpu", "0"}}) == 0.35;
  })) << agent_->process().errors();
  fake_.set({{"0.energy", "1002500"}});
  EXPECT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_rail_energy_joules_total", {{"rail", "gpu0"}}) == 2.5;
  }));
  EXPECT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_gpu_busy_seconds_total", {{"gpu", "0"}}) > 0.1;
  }));
  EXPECT_EQ(value("tegrascope_rail_power_watts", {{"rail", "gpu0"}}), 55.5);
  EXPECT_EQ(value("tegrascope_gpu_frequency_hertz", {{"gpu", "0"}}), 1.777e9);
  EXPECT_EQ(value("tegrascope_gpu_frequency_max_hertz", {{"gpu", "0"}}), 2.1e9);
  EXPECT_EQ(value("tegrascope_temperature_celsius", {{"zone", "gpu0"}}), 61);
  EXPECT_EQ(value("tegrascope_gpu_memory_total_bytes", {{"gpu", "0"}}), 12884901888);
  EXPECT_EQ(value("tegrascope_gpu_memory_used_bytes", {{"gpu", "0"}}), 1073741824);
  EXPECT_EQ(value("tegrascope_collector_up", {{"collector", "nvml"}}), 1);
  const Exposition e = agent_->scrape();
  EXPECT_FALSE(e.has("tegrascope_board_power_watts")) << "a card is not the board";
  EXPECT_FALSE(e.has("tegrascope_board_energy_joules_total"));
  stop();
}

TEST_F(Nvml, ThorsLoadComesFromHereAndEachSeriesIsThereOnce) {
  fake_.set({{"count", "1"}, {"0.name", "NVIDIA Thor"}, {"0.utilization", "97"}, {"0.clock", "1386"}});
  start("agx-thor-r38");
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_gpu_utilization_ratio") == 0.97; }))
      << agent_->process().errors();
  const Exposition e = agent_->scrape();
  std::map<std::string, int> gpu_series;
  for (const ExposedSeries& s : e.series())
    if (s.name.starts_with("tegrascope_gpu_")) ++gpu_series[s.name];
  for (const auto& [name, count] : gpu_series) EXPECT_EQ(count, 1) << name;
  EXPECT_TRUE(e.has("tegrascope_gpu_frequency_hertz"));
  EXPECT_FALSE(e.has("tegrascope_gpu_memory_total_bytes"));
  EXPECT_FALSE(e.sum("tegrascope_rail_power_watts", {{"rail", "gpu0"}}));
  EXPECT_TRUE(e.has("tegrascope_board_power_watts"));
  stop();
}

TEST_F(Nvml, AnOrinDoesNotHaveIt) {
  fake_.set({{"count", "1"}, {"0.name", "Orin (nvgpu)"}, {"0.utilization", "0"}});
  start("orin-nano-r36");
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_gpu_utilization_ratio") == 0.9; }));
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_samples_total", {{"collector", "gpu"}}) > 5; }));
  EXPECT_EQ(value("tegrascope_gpu_utilization_ratio"), 0.9);
  EXPECT_FALSE(value("tegrascope_collector_up", {{"collector", "nvml"}}));
  stop();
}

TEST_F(Nvml, ATreeWithoutItsLibraryHasNoCard) {
  start("pc-debian12", false);
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_samples_total", {{"collector", "cpu"}}) > 2; }));
  EXPECT_FALSE(agent_->scrape().has("tegrascope_gpu_utilization_ratio"));
  EXPECT_FALSE(value("tegrascope_collector_up", {{"collector", "nvml"}}));
  stop();
}

TEST_F(Nvml, ACallThatBlocksLeavesTheOtherSeriesAndTheStopAlone) {
  fake_.set_card();
  start("agx-thor-r38");
  ASSERT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_gpu_utilization_ratio", {{"gpu", "1"}}) == 0.35;
  })) << agent_->process().errors();
  fake_.set({{"0.utilization", "block"}});
  ASSERT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_sample_errors_total", {{"collector", "nvml"}, {"reason", "timeout"}}) > 0;
  }));
  ASSERT_TRUE(wait_until(10s, [&] { return !value("tegrascope_gpu_utilization_ratio"); })) << "it goes stale";
  EXPECT_EQ(value("tegrascope_collector_up", {{"collector", "nvml"}}), 0);
  const auto slots = value("tegrascope_samples_total", {{"collector", "rails"}}).value_or(0);
  EXPECT_TRUE(wait_until(10s, [&] {
    return value("tegrascope_samples_total", {{"collector", "rails"}}) > slots + 5;
  }));
  const Exposition e = agent_->scrape();
  for (const char* name : {"tegrascope_gpu_frequency_hertz", "tegrascope_board_power_watts",
                           "tegrascope_cpu_seconds_total", "tegrascope_temperature_celsius"})
    EXPECT_TRUE(e.has(name)) << name;
  stop();
}

TEST_F(Nvml, AStartThatBlocksLeavesTheStopAlone) {
  fake_.set_card();
  fake_.set({{"init", "block"}});
  start("pc-debian12");
  ASSERT_TRUE(wait_until(10s, [&] { return value("tegrascope_samples_total", {{"collector", "cpu"}}) > 2; }));
  EXPECT_TRUE(agent_->scrape().has("tegrascope_memory_total_bytes"));
  stop();
}

}  // namespace
}  // namespace tegrascope::test
