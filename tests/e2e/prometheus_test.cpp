// A real Prometheus scrapes the demo and answers what people ask.
#include "tests/support/prometheus.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

TEST(Prometheus, AnswersTokensPerSecondJoulesPerTokenGpuBusyAndPlacement) {
  const auto program = find_tool("prometheus");
  if (!program) GTEST_SKIP() << "no prometheus: ./dev test unpacks it under build/tools";
  TempTree directory;
  AgentProcess demo("demo", {"--scenario=gpu"}, directory.root());
  PrometheusServer prometheus(*program, demo.web_address(), directory.root());

  const std::string rate =
      "sum(rate(tegrascope_tokens_total{type=\"output\"}[20s])) / "
      "(sum(rate(tegrascope_phase_seconds_total{phase=\"decode\"}[20s])) > 0)";
  const std::string joules =
      "sum(rate(tegrascope_attributed_energy_joules_total[20s])) / "
      "(sum(rate(tegrascope_tokens_total{type=\"output\"}[20s])) > 0)";
  // Long enough that counters began, grew and were scraped over a whole range.
  ASSERT_TRUE(wait_until(60s, [&] {
    return prometheus.value("count_over_time(up[25s]) >= 24").has_value() &&
           prometheus.value(rate).has_value() && prometheus.value(joules).has_value();
  }));

  const double tokens_per_second = prometheus.value(rate).value();
  const double joules_per_token = prometheus.value(joules).value();
  const double gpu_busy = prometheus.value("sum(rate(tegrascope_gpu_busy_seconds_total[20s]))").value_or(-1);
  std::printf("decode %.2f token/s, %.2f J/token, GPU busy %.2f\n", tokens_per_second, joules_per_token,
              gpu_busy);
  EXPECT_GT(tokens_per_second, 7);
  EXPECT_LT(tokens_per_second, 12);
  EXPECT_GT(joules_per_token, 0.7);
  EXPECT_LT(joules_per_token, 3.0);
  EXPECT_GT(gpu_busy, 0.3);
  EXPECT_LE(gpu_busy, 1.0);
  EXPECT_EQ(prometheus.value("tegrascope_model_placement{model=\"qwen2.5:7b\",placement=\"gpu\"}"), 1.0);

  // Conservation as anybody can check it from outside: every joule of the board is somewhere, in every
  // scrape.
  const auto gap = prometheus.value(
      "abs(sum(tegrascope_board_energy_joules_total) - sum(tegrascope_attributed_energy_joules_total) - "
      "sum(tegrascope_unattributed_energy_joules_total) - sum(tegrascope_pending_energy_joules) - "
      "sum(tegrascope_forgotten_energy_joules))");
  ASSERT_TRUE(gap);
  EXPECT_LT(*gap, 1e-6);
}

// A text changes with the snapshot, once a second on an idle board, and never because it was asked for.
TEST(Scrapes, ChangeNothingAndTwoScrapersAgree) {
  TempTree directory;
  AgentProcess agent(
      "run", {"--path.rootfs=" TEGRASCOPE_FIXTURES "/orin-nano-r36", "--ollama.url=http://127.0.0.1:1"},
      directory.root());
  ASSERT_TRUE(wait_until(20s, [&] { return agent.scrape().has("tegrascope_board_energy_joules_total"); }));
  struct Seen {
    std::chrono::steady_clock::time_point at;
    std::string text;
  };
  std::array<std::vector<Seen>, 2> seen;
  std::vector<std::thread> scrapers;
  const auto begin = std::chrono::steady_clock::now();
  for (auto& mine : seen)
    scrapers.emplace_back([&agent, &mine, begin] {
      while (std::chrono::steady_clock::now() - begin < 4s) {
        const TestAnswer answer = http_get(agent.url() + "/metrics");
        if (answer.status == 200) mine.push_back({std::chrono::steady_clock::now(), answer.body});
      }
    });
  for (std::thread& scraper : scrapers) scraper.join();

  std::set<std::string> first;
  std::set<std::string> second;
  for (const Seen& one : seen[0]) first.insert(one.text);
  for (const Seen& one : seen[1]) second.insert(one.text);
  std::set<std::string> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                        std::inserter(both, both.end()));
  std::printf("%zu and %zu scrapes: %zu and %zu texts, %zu of them the same\n", seen[0].size(),
              seen[1].size(), first.size(), second.size(), both.size());
  ASSERT_GT(seen[0].size(), 20U);
  ASSERT_GT(seen[1].size(), 20U);
  EXPECT_LE(first.size(), 8U);
  EXPECT_LE(second.size(), 8U);
  EXPECT_GE(both.size() + 2, std::max(first.size(), second.size()))
      << "only the first and the last may differ";
}

TEST(Prometheus, PromtoolHasNothingToSay) {
  const auto promtool = find_tool("promtool");
  if (!promtool) GTEST_SKIP() << "no promtool: ./dev test unpacks it under build/tools";
  TempTree directory;
  AgentProcess demo("demo", {"--scenario=gpu"}, directory.root());
  ASSERT_TRUE(wait_until(30s, [&] { return demo.scrape().has("tegrascope_model_placement"); }));
  directory.write("metrics.txt", http_get(demo.url() + "/metrics").body);
  const std::string command = *promtool + " check metrics < " + (directory.root() / "metrics.txt").string();
  ChildProcess check({"/bin/sh", "-c", command}, directory.root());
  EXPECT_EQ(check.wait_for(20s), 0);
  EXPECT_EQ(check.output() + check.errors(), "");
}

}  // namespace
}  // namespace tegrascope::test
