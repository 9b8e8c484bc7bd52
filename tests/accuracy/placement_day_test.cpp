// Days of everything but fallbacks raise no alarm; `./dev accuracy` runs a hundred of them.
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/accuracy/placement_report.hpp"

namespace tegrascope::accuracy {
namespace {

constexpr int kSeeds = 10;

void expect_quiet_days(Sight sight) {
  const std::filesystem::path folder =
      std::filesystem::path(TEGRASCOPE_SOURCE_DIR) / "simulator/scenarios/placement";
  int days = 0;
  for (const auto& [file, scenario] : read_placement_scenarios(folder)) {
    if (scenario.duration_seconds < 86400) continue;
    const PlacementRow row = run_row(scenario, sight, kSeeds);
    EXPECT_EQ(row.passed, row.seeds) << to_text({row});
    EXPECT_EQ(row.false_alarms, 0) << file;
    ++days;
  }
  EXPECT_EQ(days, 1);
}

TEST(PlacementDay, IsQuietWithoutPrivileges) { expect_quiet_days(Sight::unprivileged); }

TEST(PlacementDay, IsQuietWithAllWitnesses) { expect_quiet_days(Sight::all); }

}  // namespace
}  // namespace tegrascope::accuracy
