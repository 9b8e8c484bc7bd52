// The matrix of placement scenarios over few seeds; `./dev accuracy` runs all of them.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "agent/accuracy/placement_report.hpp"

namespace tegrascope::accuracy {
namespace {

const std::vector<PlacementScenario>& scenarios() {
  static const std::vector<PlacementScenario> all = read_placement_scenarios(
      std::filesystem::path(TEGRASCOPE_SOURCE_DIR) / "simulator/scenarios/placement");
  return all;
}

bool is_a_day(const simulator::VirtualScenario& scenario) { return scenario.duration_seconds >= 86400; }

TEST(Placement, EachRowOfTheMatrixIsAFile) {
  std::set<int> rows;
  for (const auto& [file, scenario] : scenarios()) {
    EXPECT_TRUE(rows.insert(scenario.expect->row).second) << file;
    EXPECT_FALSE(scenario.expect->lacks.empty()) << file;
  }
  for (int row = 1; row <= 48; ++row) EXPECT_EQ(rows.count(row), 1u) << "row " << row;
}

void expect_rows(Sight sight) {
  for (const auto& [file, scenario] : scenarios()) {
    if (is_a_day(scenario)) continue;
    const PlacementRow row = run_row(scenario, sight, 2);
    EXPECT_EQ(row.passed, row.seeds) << to_text({row});
    EXPECT_EQ(row.false_alarms, 0) << file;
  }
}

TEST(Placement, EveryScenarioComesToWhatIsExpectedWithoutPrivileges) { expect_rows(Sight::unprivileged); }

TEST(Placement, EveryScenarioComesToWhatIsExpectedWithAllWitnesses) { expect_rows(Sight::all); }

// The comparison itself: an expectation that is wrong is not met.
TEST(Placement, AWrongExpectationIsFoundOut) {
  const auto& first = scenarios().front().scenario;
  const PlacementRun run = run_placement(first, Sight::all, 1);
  simulator::Expectation wrong;
  wrong.placement = {"cpu"};
  wrong.verdicts = {"cpu"};
  wrong.alarm = true;
  wrong.flags = {"throttled"};
  EXPECT_EQ(misses(run, wrong).size(), 4u);
  EXPECT_TRUE(misses(run, first.expect->all).empty());
}

}  // namespace
}  // namespace tegrascope::accuracy
