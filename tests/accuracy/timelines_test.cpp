// A few thousand of the timelines that `./dev accuracy` runs a million of.
#include "tests/accuracy/timelines.hpp"

#include <gtest/gtest.h>

namespace tegrascope::accuracy {
namespace {

TEST(Timelines, TheIdentitiesHold) {
  for (const IdentityCount& identity : check_timelines(1, 3000, 2)) {
    EXPECT_GT(identity.checked, 200u) << identity.name;
    EXPECT_EQ(identity.violated, 0u) << identity.name << ", first of timeline " << identity.first_seed;
  }
}

}  // namespace
}  // namespace tegrascope::accuracy
