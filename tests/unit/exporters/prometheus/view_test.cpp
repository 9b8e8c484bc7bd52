#include "exporters/prometheus/view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "sample_snapshots.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;
using testing::Not;

const BuildInfo kBuild{"0.1.0", "abc1234"};

std::string text(const Snapshot& snapshot) {
  return prometheus::TextSerializer{}.Serialize(to_families(snapshot, kBuild));
}

// Value of the one series with this name and labels; -1 when it is absent.
double value(const std::string& page, const std::string& series) {
  const std::size_t at = page.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(page.substr(at + series.size() + 2));
}

TEST(View, an_empty_snapshot_claims_nothing) {
  std::set<std::string> names;
  for (const auto& family : to_families(Snapshot{}, kBuild)) names.insert(family.name);
  EXPECT_EQ(names, (std::set<std::string>{"tegrascope_build_info", "tegrascope_events_dropped_total",
                                          "tegrascope_label_overflow_total",
                                          "tegrascope_observation_errors_total"}));
}

TEST(View, exact_text_of_a_family) {
  EXPECT_THAT(
      text(full_snapshot()),
      HasSubstr(
          "# HELP tegrascope_board_energy_joules_total Energy of the module since the agent started, each "
          "joule counted once.\n"
          "# TYPE tegrascope_board_energy_joules_total counter\n"
          "tegrascope_board_energy_joules_total 1000\n"));
}

TEST(View, labels_are_escaped) {
  EXPECT_THAT(text(full_snapshot()), HasSubstr(R"(module="NVIDIA Jetson Orin Nano \"8GB\"")"));
  Snapshot s;
  s.readings = {{Signal::temperature_celsius, "a\\b\nc", "", 20, {}}};
  EXPECT_THAT(text(s), HasSubstr(R"(tegrascope_temperature_celsius{zone="a\\b\nc"} 20)"));
}

TEST(View, a_collector_without_hardware_has_no_series) {
  const std::string page = text(full_snapshot());
  EXPECT_EQ(value(page, R"(tegrascope_collector_up{collector="gpu"})"), 1);
  EXPECT_EQ(value(page, R"(tegrascope_sample_errors_total{collector="gpu",reason="range"})"), 3);
  EXPECT_EQ(value(page, R"(tegrascope_sample_errors_total{collector="gpu",reason="timeout"})"), 0);
  EXPECT_THAT(page, Not(HasSubstr("nvml")));
}

TEST(View, a_known_model_starts_with_all_series_at_zero) {
  Snapshot s;
  ModelView m;
  m.server = "s";
  m.model = "m";
  s.models = {m};
  s.ledger.energy_known = s.ledger.gpu_known = true;
  const std::string page = text(s);
  for (const char* series :
       {R"(tegrascope_tokens_total{server="s",model="m",type="input"})",
        R"(tegrascope_tokens_total{server="s",model="m",type="output"})",
        R"(tegrascope_requests_aborted_total{server="s",model="m",by="timeout"})",
        R"(tegrascope_requests_in_flight{server="s",model="m",phase="opaque"})",
        R"(tegrascope_phase_seconds_total{server="s",model="m",phase="unknown"})",
        R"(tegrascope_attributed_energy_joules_total{server="s",model="m",phase="load"})",
        R"(tegrascope_attributed_gpu_seconds_total{server="s",model="m",phase="queue"})",
        R"(tegrascope_placement_verdicts_total{server="s",model="m",placement="partial"})",
        R"(tegrascope_time_to_first_token_seconds_count{server="s",model="m"})",
        R"(tegrascope_unattributed_energy_joules_total{reason="bypass"})"}) {
    EXPECT_EQ(value(page, series), 0) << series;
  }
  EXPECT_EQ(value(page, R"(tegrascope_model_gpu_expected{server="s",model="m"})"), 1);
}

TEST(View, no_verdict_no_placement) {
  Snapshot s = full_snapshot();
  s.models[0].placement.reset();
  EXPECT_THAT(text(s), Not(HasSubstr("tegrascope_model_placement")));
}

TEST(View, placement_is_one_of_four) {
  const std::string page = text(full_snapshot());
  const std::string name =
      R"(tegrascope_model_placement{server="127.0.0.1:11434",model="qwen2.5:7b",placement=")";
  EXPECT_EQ(value(page, name + "gpu\"}"), 1);
  EXPECT_EQ(value(page, name + "partial\"}"), 0);
  EXPECT_EQ(value(page, name + "cpu\"}"), 0);
  EXPECT_EQ(value(page, name + "unknown\"}"), 0);
}

TEST(View, without_a_power_sensor_there_are_no_joules) {
  Snapshot s = full_snapshot();
  s.ledger.energy_known = false;
  s.rail_energy_nj.clear();
  EXPECT_THAT(text(s), Not(HasSubstr("joules")));
  EXPECT_THAT(text(s), HasSubstr("tegrascope_attributed_gpu_seconds_total"));
}

TEST(View, without_a_gpu_sensor_there_are_no_gpu_seconds) {
  Snapshot s = full_snapshot();
  s.ledger.gpu_known = false;
  EXPECT_THAT(text(s), Not(HasSubstr("gpu_seconds")));
  EXPECT_THAT(text(s), Not(HasSubstr("gpu_busy_seconds")));
}

TEST(View, conservation_is_visible) {
  const std::string page = text(full_snapshot());
  const std::string model = R"({server="127.0.0.1:11434",model="qwen2.5:7b",phase="decode"})";
  double energy = value(page, "tegrascope_attributed_energy_joules_total" + model);
  double gpu = value(page, "tegrascope_attributed_gpu_seconds_total" + model);
  for (const char* reason : {"idle", "other", "bypass"}) {
    energy +=
        value(page, std::string{R"(tegrascope_unattributed_energy_joules_total{reason=")"} + reason + "\"}");
    gpu += value(page, std::string{R"(tegrascope_unattributed_gpu_seconds_total{reason=")"} + reason + "\"}");
  }
  EXPECT_NEAR(energy + value(page, "tegrascope_pending_energy_joules"),
              value(page, "tegrascope_board_energy_joules_total"), 1e-9);
  EXPECT_NEAR(gpu + value(page, "tegrascope_pending_gpu_seconds"),
              value(page, R"(tegrascope_gpu_busy_seconds_total{gpu="0"})"), 1e-9);
}

TEST(View, a_server_that_does_not_answer_has_no_models_rather_than_zero) {
  Snapshot s = full_snapshot();
  s.servers[0].state.up = false;
  s.servers[0].state.models_known = false;
  s.servers[0].state.version.clear();
  const std::string page = text(s);
  EXPECT_EQ(value(page, R"(tegrascope_ollama_up{server="127.0.0.1:11434"})"), 0);
  EXPECT_THAT(page, Not(HasSubstr("tegrascope_ollama_loaded_models")));
  EXPECT_THAT(page, Not(HasSubstr("tegrascope_model_size_bytes")));
  EXPECT_THAT(page, Not(HasSubstr("tegrascope_ollama_version_info")));
}

TEST(View, declared_sizes) {
  Snapshot s = full_snapshot();
  const std::string series = R"({server="127.0.0.1:11434",model="qwen2.5:7b"})";
  EXPECT_EQ(value(text(s), "tegrascope_model_offload_ratio" + series), 0.75);
  s.servers[0].state.models[0].size_vram_bytes = 7000000000;  // more than its size: no share
  EXPECT_EQ(value(text(s), "tegrascope_model_offload_ratio" + series), -1);
  s.servers[0].state.models[0].size_bytes.reset();
  EXPECT_EQ(value(text(s), "tegrascope_model_size_bytes" + series), -1);
}

TEST(View, busy_time_tells_what_no_exact_witness_saw) {
  const std::string page = text(full_snapshot());
  EXPECT_EQ(value(page, R"(tegrascope_ollama_busy_seconds_total{server="127.0.0.1:11434",witness="exact"})"),
            30);
  EXPECT_EQ(value(page, R"(tegrascope_ollama_busy_seconds_total{server="127.0.0.1:11434",witness="none"})"),
            3);
}

TEST(View, two_collectors_with_one_sensor_give_one_series) {
  Snapshot s;
  s.readings = {{Signal::rail_power_watts, "VDD_IN", "", 5, {}},
                {Signal::rail_power_watts, "VDD_IN", "", 6, {}}};
  const auto families = to_families(s, kBuild);
  for (const auto& family : families) {
    if (family.name == "tegrascope_rail_power_watts") {
      EXPECT_EQ(family.metric.size(), 1u);
    }
  }
}

// One board, one model: small enough for the smallest Prometheus.
TEST(View, one_board_with_one_model_stays_under_800_series) {
  Snapshot s = full_snapshot();
  for (int cpu = 1; cpu < 12; ++cpu) {
    for (const char* mode : {"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"}) {
      s.readings.push_back({Signal::cpu_seconds, std::to_string(cpu), mode, 1, {}});
    }
    s.readings.push_back({Signal::cpu_online, std::to_string(cpu), "", 1, {}});
    s.readings.push_back({Signal::cpu_frequency_hertz, std::to_string(cpu), "", 1, {}});
    s.readings.push_back({Signal::cpu_frequency_max_hertz, std::to_string(cpu), "", 1, {}});
    s.readings.push_back({Signal::temperature_celsius, "zone" + std::to_string(cpu), "", 1, {}});
    s.readings.push_back({Signal::temperature_trip_celsius, "zone" + std::to_string(cpu), "throttle", 1, {}});
    s.readings.push_back({Signal::temperature_trip_celsius, "zone" + std::to_string(cpu), "shutdown", 1, {}});
    s.readings.push_back({Signal::engine_on, "engine" + std::to_string(cpu), "", 1, {}});
  }
  for (int device = 1; device < 8; ++device) {
    s.readings.push_back({Signal::cooling_state, std::to_string(device), "pwm-fan", 1, {}});
    s.readings.push_back({Signal::cooling_max_state, std::to_string(device), "pwm-fan", 1, {}});
  }
  for (const char* name : {"cpu", "memory", "processes", "rails", "thermal", "tegrastats", "emc", "self",
                           "pressure", "engines", "cooling", "throttle", "fan", "nvpmodel"}) {
    CollectorStatus status;
    status.name = name;
    s.collectors.push_back(status);
  }
  const std::string page = text(s);
  std::istringstream lines{page};
  int series = 0;
  for (std::string line; std::getline(lines, line);) series += line.starts_with('#') ? 0 : 1;
  EXPECT_LT(series, 800);
}

// The whole text is a contract. TEGRASCOPE_UPDATE_GOLDEN=1 writes the file anew; read the difference before
// committing.
TEST(View, golden) {
  const std::string path = TEGRASCOPE_SOURCE_DIR "/tests/golden/exporters/metrics.txt";
  const std::string page = text(full_snapshot());
  if (std::getenv("TEGRASCOPE_UPDATE_GOLDEN") != nullptr) std::ofstream{path} << page;
  std::ifstream file{path};
  std::ostringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(page, expected.str());
}

}  // namespace
}  // namespace tegrascope
