#include "agent/placement/thresholds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace tegrascope {
namespace {

using testing::HasSubstr;

TEST(PlacementThresholds, TheDefaultsAreWell) { EXPECT_EQ(problem_of({}), ""); }

TEST(PlacementThresholds, OnesOutOfRangeOrOrderAreNamed) {
  PlacementThresholds t;
  t.load_half = 0.9;
  EXPECT_THAT(problem_of(t), HasSubstr("load-half is 0.9: must be from load-silent to load-high"));
  t = {};
  t.raise_at_once = 0.9;
  EXPECT_THAT(problem_of(t), HasSubstr("raise-at-once"));
  t = {};
  t.clear_in_a_row = 0;
  EXPECT_THAT(problem_of(t), HasSubstr("clear-in-a-row"));
  t = {};
  t.cores_idle = 2;
  EXPECT_THAT(problem_of(t), HasSubstr("cores-grey"));
}

// A member that was forgotten here could be neither configured nor recorded.
TEST(PlacementThresholds, EachIsVisitedOnce) {
  PlacementThresholds t;
  std::set<std::string> names;
  std::set<const void*> members;
  std::size_t bytes = 0;
  for_each_threshold(t, [&](const char* name, auto& value, const char*) {
    names.insert(name);
    members.insert(&value);
    bytes += sizeof value;
  });
  EXPECT_EQ(names.size(), members.size());
  EXPECT_EQ(names.size(), 20u);
  // int members pair up in the struct's padding, so the sum may be short of it by less than one of each.
  EXPECT_GT(bytes + 3 * sizeof(std::int64_t), sizeof(PlacementThresholds));
}

}  // namespace
}  // namespace tegrascope
