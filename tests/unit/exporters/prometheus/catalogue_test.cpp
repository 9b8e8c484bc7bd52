#include "exporters/prometheus/catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "exporters/prometheus/describe.hpp"
#include "exporters/prometheus/view.hpp"
#include "sample_snapshots.hpp"

namespace tegrascope {
namespace {

// Words of lower-case letters and digits, joined by single underscores.
bool is_snake_case(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.front() >= 'a' && name.back() != '_' &&
         std::all_of(name.begin(), name.end(), fits) && name.find("__") == std::string_view::npos;
}

TEST(Catalogue, names_follow_the_rules_of_prometheus) {
  std::set<std::string_view> names;
  for (const FamilyInfo& f : catalogue()) {
    EXPECT_TRUE(is_snake_case(f.name)) << f.name;
    EXPECT_TRUE(f.name.starts_with("tegrascope_") || f.name.starts_with("process_")) << f.name;
    EXPECT_TRUE(names.insert(f.name).second) << f.name << " twice";
    EXPECT_EQ(f.name.ends_with("_total"), f.kind == MetricKind::counter) << f.name;
    EXPECT_TRUE(f.help.ends_with('.')) << f.name;
    for (const auto label : f.labels()) {
      EXPECT_TRUE(is_snake_case(label)) << f.name;
      // Prometheus sets these itself.
      EXPECT_TRUE(label != "job" && label != "instance" && label != "le") << f.name;
    }
  }
}

TEST(Catalogue, rows_of_ollama_requests_and_attribution_carry_the_server) {
  for (const FamilyInfo& f : catalogue()) {
    const std::string name{f.name};
    const bool concerns_a_server =
        name.starts_with("tegrascope_ollama_") || name.starts_with("tegrascope_model_") ||
        name.starts_with("tegrascope_request") || name.starts_with("tegrascope_attributed");
    if (concerns_a_server) {
      EXPECT_EQ(f.labels().front(), "server") << name;
    }
  }
}

TEST(Catalogue, every_label_has_a_bound_and_every_histogram_its_buckets) {
  for (const FamilyInfo& f : catalogue()) {
    for (const auto label : f.labels())
      EXPECT_GE(label_info(f.family, label).bound, 1U) << f.name << " " << label;
    EXPECT_EQ(f.kind == MetricKind::histogram, !buckets(f.family).empty()) << f.name;
  }
  EXPECT_EQ(label_info(Family::requests_in_flight, "phase").bound, 3U);
  EXPECT_EQ(label_info(Family::phase_seconds_total, "phase").bound, 5U);
  EXPECT_THROW(label_info(Family::build_info, "nonsense"), std::logic_error);
}

TEST(Catalogue, units) {
  EXPECT_EQ(unit(info(Family::board_energy_joules_total)), "joules");
  EXPECT_EQ(unit(info(Family::emc_peak_bytes_per_second)), "bytes_per_second");
  EXPECT_EQ(unit(info(Family::ollama_up)), "");
  EXPECT_EQ(unit(info(Family::fan_speed_rpm)), "rpm");
}

// TEGRASCOPE_UPDATE_GOLDEN=1 writes the file anew.
TEST(Catalogue, docs_metrics_md_is_made_from_it) {
  const std::string file = TEGRASCOPE_SOURCE_DIR "/docs/metrics.md";
  if (std::getenv("TEGRASCOPE_UPDATE_GOLDEN") != nullptr) std::ofstream{file} << describe_metrics_markdown();
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  EXPECT_EQ(text.str(), describe_metrics_markdown())
      << "tegrascope describe-metrics --markdown > docs/metrics.md";
}

TEST(Catalogue, every_family_is_exported_and_every_exported_family_is_listed) {
  std::set<std::string> exported;
  for (const auto& family : to_families(full_snapshot(), {"0.1.0", "abc1234"})) exported.insert(family.name);
  std::set<std::string> listed;
  for (const FamilyInfo& f : catalogue()) listed.insert(std::string{f.name});
  EXPECT_EQ(exported, listed);
}

}  // namespace
}  // namespace tegrascope
