// A simulated board falls back to the CPU; a real Prometheus with the shipped rules and a real Alertmanager with
// the shipped configuration tell a web hook of it. What is no fallback reaches nobody.
//
// Only times differ from what is shipped: scrapes and evaluations each second, the settings of rules.yml.in as in
// kShortTimes, the groups' waits in alertmanager.yml as in short_alertmanager(). Expressions, labels, texts and
// routes are the shipped ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "simulator/simulation.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/alertmanager.hpp"
#include "tests/support/prometheus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// make-rules --set; seconds.
const std::map<std::string, int> kShortTimes{
    {"fallback_for", 2}, {"declared_cpu_for", 15}, {"degraded_for", 5},    {"slower_for", 5},
    {"bypass_for", 5},   {"blind_for", 5},         {"ollama_down_for", 3}, {"errors_for", 5},
    {"stalled_for", 5},  {"throttled_for", 2},     {"shutdown_for", 2},    {"memory_low_for", 5},
    {"swap_for", 5},     {"agent_down_for", 3},    {"collector_for", 5},   {"late_for", 5}};
constexpr double kScrape = 1;
constexpr double kEvaluation = 1;
constexpr double kGroupWait = 1;
// From the end of a request to the snapshot that holds its verdict, and from the evaluation to the hook: the agent's
// and Alertmanager's own time.
constexpr double kMargin = 1.5;

std::string replaced(const std::string& text, const std::string& pattern, const std::string& by) {
  const std::string changed = std::regex_replace(text, std::regex(pattern), by);
  EXPECT_NE(changed, text) << pattern << " is not in the shipped configuration any more";
  return changed;
}

std::string short_alertmanager(const std::string& hook) {
  std::string config = read_file(TEGRASCOPE_SOURCE_DIR "/deploy/alertmanager/alertmanager.yml");
  config = replaced(config, "group_wait: \\S+", "group_wait: " + std::to_string(int(kGroupWait)) + "s");
  config = replaced(config, "group_interval: \\S+", "group_interval: 2s");
  return replaced(config, "http://127.0.0.1:9095/", hook);
}

std::optional<std::string> short_rules(const fs::path& directory) {
  std::vector<std::string> command{TEGRASCOPE_SOURCE_DIR "/deploy/prometheus/make-rules", "--print"};
  for (const auto& [name, seconds] : kShortTimes) {
    command.emplace_back("--set");
    command.push_back(name + "=" + std::to_string(seconds) + "s");
  }
  fs::create_directories(directory);
  ChildProcess made(command, directory);
  if (made.wait_for(20s) != 0) {
    ADD_FAILURE() << made.errors();
    return std::nullopt;
  }
  const fs::path file = directory / "tegrascope.rules.yml";
  std::ofstream(file) << made.output();
  return file.string();
}

class Alerts : public testing::Test {
 protected:
  // `without_runtime`: Ollama is in a container that was started without NVIDIA's runtime.
  void start(const std::string& scenario, bool without_runtime = false) {
    const auto prometheus = find_tool("prometheus");
    const auto alertmanager = find_tool("prometheus-alertmanager");
    if (!prometheus || !alertmanager || !find_tool("python3"))
      GTEST_SKIP()
          << "no prometheus, prometheus-alertmanager or python3: ./dev test unpacks them under build/tools";
    const fs::path root = directory_.root();
    const auto rules = short_rules(root / "rules");
    ASSERT_TRUE(rules);
    simulator::SimulationOptions simulated;
    simulated.rootfs = root / "rootfs";
    simulated.scenario = scenario;
    simulated.container = without_runtime;
    simulation_.emplace(simulated);
    simulation_->start();
    if (without_runtime)
      directory_.write("rootfs/proc/2101/mountinfo",
                       "2100 1900 0:120 / / rw,relatime - overlay overlay rw,lowerdir=/x\n");
    agent_.emplace("run",
                   std::vector<std::string>{"--path.rootfs=" + simulated.rootfs.string(),
                                            "--ollama.url=" + simulation_->ollama_url(),
                                            "--relay.listen-address=127.0.0.1:0"},
                   root);
    alertmanager_.emplace(*alertmanager, short_alertmanager(hook_.url()), root / "alertmanager");
    fs::create_directories(root / "prometheus");
    prometheus_.emplace(*prometheus, agent_->web_address(), root / "prometheus",
                        "rule_files: ['" + *rules +
                            "']\nalerting: {alertmanagers: [{static_configs: [{targets: ['" +
                            alertmanager_->address() + "']}]}]}\n");
    simulation_->begin();
    begun_ = Clock::now();
    simulation_->start_clients(agent_->relay_url());
  }

  // Runs the scenario on to its 30th second; `happened` must then have an answer above 0.
  void expect_nobody_is_told(const std::string& scenario, const std::string& happened) {
    start(scenario);
    if (IsSkipped() || HasFatalFailure()) return;
    EXPECT_TRUE(wait_until(40s, [&] { return prometheus_->value(happened).value_or(0) > 0; })) << happened;
    wait_until(30s, [&] { return Clock::now() - begun_ > 30s; });
    EXPECT_GT(prometheus_->value(happened).value_or(0), 0) << happened;
    // The rules were at work on this board.
    // Recording rules are evaluated every 30 s, the first time some seconds after the start.
    const std::string at_work = "count(ALERTS) or count({__name__=~\"instance:tegrascope.*\"})";
    EXPECT_TRUE(wait_until(40s, [&] { return prometheus_->value(at_work).has_value(); }));
    EXPECT_FALSE(prometheus_->value("count(ALERTS{alertname=\"OllamaInferenceOnCPU\"})"));
    EXPECT_TRUE(hook_.notices().empty()) << hook_.notices().front().body.dump(2);
  }

  TempTree directory_;
  WebHook hook_;
  std::optional<simulator::Simulation> simulation_;
  std::optional<AgentProcess> agent_;
  std::optional<AlertmanagerServer> alertmanager_;
  std::optional<PrometheusServer> prometheus_;
  Clock::time_point begun_;
};

TEST_F(Alerts, AFallbackToTheCpuReachesTheWebHookWithReasonAndCureAndRecoveryResolvesIt) {
  start("fallback", true);
  if (IsSkipped() || HasFatalFailure()) return;
  Clock::time_point told;
  nlohmann::json alert;
  ASSERT_TRUE(wait_until(60s, [&] {
    alert = hook_.first("OllamaInferenceOnCPU", "firing", &told);
    return !alert.is_null();
  })) << prometheus_->query("ALERTS").dump(2);

  std::optional<MonotonicTime> ended;
  for (const auto& request : simulation_->truth().requests) {
    if (request.finished && request.placement == Placement::cpu && !ended) ended = request.ended;
  }
  ASSERT_TRUE(ended);
  const double took = to_seconds(std::chrono::duration_cast<Nanoseconds>(told.time_since_epoch()) -
                                 std::chrono::duration_cast<Nanoseconds>(ended->time_since_epoch()));
  const double most = kScrape + 2 * kEvaluation + kShortTimes.at("fallback_for") + kGroupWait;
  std::printf(
      "from the end of the first request decoded on the CPU to the web hook: %.2f s; "
      "scrape + 2 evaluations + for + group_wait: %.2f s\n",
      took, most);
  EXPECT_LE(took, most + kMargin);

  const std::string text = alert["annotations"]["description"];
  std::printf("%s\n", text.c_str());
  EXPECT_NE(text.find("Reason: "), std::string::npos) << text;
  EXPECT_NE(text.find("Cure: "), std::string::npos) << text;
  // Word for word what the agent says of it.
  const auto known = prometheus_->query("last_over_time(tegrascope_model_fallback_info[1m])");
  const bool said = std::any_of(known.begin(), known.end(), [&](const auto& series) {
    const std::string reason = series["metric"]["reason"];
    return text.ends_with("Reason: " + (reason == "none" ? "not known" : reason) +
                          ". Cure: " + series["metric"]["cure"].template get<std::string>());
  });
  EXPECT_TRUE(said) << text << known.dump(2);
  EXPECT_NE(text.find("Reason: no-gpu. Cure: docker stop CONTAINER"), std::string::npos) << text;
  EXPECT_EQ(alert["labels"]["model"], "qwen2.5:7b");
  EXPECT_EQ(alert["labels"]["severity"], "critical");
  EXPECT_NE(alert["annotations"]["runbook_url"].get<std::string>().find("/OllamaInferenceOnCPU.md"),
            std::string::npos);

  EXPECT_TRUE(wait_until(60s, [&] { return !hook_.first("OllamaInferenceOnCPU", "resolved").is_null(); }));
  for (const auto& notice : hook_.notices()) {
    for (const auto& one : notice.body["alerts"])
      EXPECT_EQ(one["labels"]["alertname"], "OllamaInferenceOnCPU") << one.dump(2);
  }
}

TEST_F(Alerts, ThrottlingReachesNobody) {
  expect_nobody_is_told("throttle", "sum(tegrascope_throttled_seconds_total{reason=\"thermal\"}) > 5");
}

TEST_F(Alerts, APowerModeReachesNobody) {
  expect_nobody_is_told("power-mode", "tegrascope_nvpmodel_mode == 3");
}

TEST_F(Alerts, AnotherProgramsGpuWorkReachesNobody) {
  expect_nobody_is_told("foreign-gpu",
                        "sum(tegrascope_unattributed_gpu_seconds_total{reason=\"other\"}) > 0 and "
                        "sum(avg_over_time(tegrascope_gpu_utilization_ratio[5s])) > 0.4");
}

TEST_F(Alerts, EmbeddingsReachNobody) {
  expect_nobody_is_told("embeddings",
                        "sum(tegrascope_request_duration_seconds_count{operation=\"embed\"}) > 20");
}

TEST_F(Alerts, ColdLoadsReachNobody) {
  expect_nobody_is_told("cold-load", "sum(tegrascope_phase_seconds_total{phase=\"load\"}) > 7");
}

// The shipped inhibition, by Alertmanager's own judgement.
TEST(Inhibition, WhatFollowsFromAnotherAlertIsNotToldBesideIt) {
  const auto program = find_tool("prometheus-alertmanager");
  if (!program) GTEST_SKIP() << "no prometheus-alertmanager: ./dev test unpacks it under build/tools";
  TempTree directory;
  WebHook hook;
  AlertmanagerServer alertmanager(*program, short_alertmanager(hook.url()),
                                  directory.root() / "alertmanager");
  const auto alert = [](const std::string& name, const std::string& severity, const std::string& instance,
                        const std::string& model) {
    return nlohmann::json{{"labels",
                           {{"alertname", name},
                            {"severity", severity},
                            {"instance", instance},
                            {"server", "127.0.0.1:11434"},
                            {"model", model}}}};
  };
  alertmanager.post(nlohmann::json::array(
      {alert("OllamaInferenceOnCPU", "critical", "a", "m"),
       alert("OllamaModelLoadedOnCPU", "warning", "a", "m"),
       alert("OllamaDecodeSlowerThanUsual", "warning", "a", "m"),
       alert("OllamaModelOffloadDegraded", "warning", "a", "n"), alert("JetsonThrottling", "info", "b", "m"),
       alert("OllamaDecodeSlowerThanUsual", "warning", "b", "m"), alert("OllamaDown", "critical", "c", "m"),
       alert("ModelLoadFailed", "warning", "c", "m"), alert("AgentDown", "critical", "d", "m"),
       alert("OllamaDown", "critical", "d", "m")}));

  std::set<std::string> told;
  EXPECT_TRUE(wait_until(20s, [&] {
    told.clear();
    for (const auto& notice : hook.notices()) {
      for (const auto& one : notice.body["alerts"])
        told.insert(one["labels"]["alertname"].get<std::string>() + " " +
                    one["labels"]["instance"].get<std::string>());
    }
    return told.size() >= 4;
  }));
  std::map<std::string, bool> inhibited;
  for (const auto& one : alertmanager.alerts())
    inhibited[one["labels"]["alertname"].get<std::string>() + " " +
              one["labels"]["instance"].get<std::string>()] = !one["status"]["inhibitedBy"].empty();
  const std::map<std::string, bool> expected{{"OllamaInferenceOnCPU a", false},
                                             {"OllamaModelLoadedOnCPU a", true},
                                             {"OllamaDecodeSlowerThanUsual a", true},
                                             {"OllamaModelOffloadDegraded a", false},
                                             {"JetsonThrottling b", false},
                                             {"OllamaDecodeSlowerThanUsual b", true},
                                             {"OllamaDown c", false},
                                             {"ModelLoadFailed c", true},
                                             {"AgentDown d", false},
                                             {"OllamaDown d", true}};
  EXPECT_EQ(inhibited, expected);
  EXPECT_EQ(told, (std::set<std::string>{"OllamaInferenceOnCPU a", "OllamaModelOffloadDegraded a",
                                         "OllamaDown c", "AgentDown d"}));
}

}  // namespace
}  // namespace tegrascope::test
