#include "exporters/prometheus/catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

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

TEST(Catalogue, every_family_is_exported_and_every_exported_family_is_listed) {
  std::set<std::string> exported;
  for (const auto& family : to_families(full_snapshot(), {"0.1.0", "abc1234"})) exported.insert(family.name);
  std::set<std::string> listed;
  for (const FamilyInfo& f : catalogue()) listed.insert(std::string{f.name});
  EXPECT_EQ(exported, listed);
}

}  // namespace
}  // namespace tegrascope
