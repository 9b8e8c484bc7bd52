#include "agent/attribution/baseline.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

TEST(IdleBaseline, IsUnknownForTheFirstMinute) {
  IdleBaseline baseline;
  for (int i = 0; i < 59; ++i) baseline.add(4.5, 1s);
  EXPECT_FALSE(baseline.watts());
  baseline.add(4.5, 1s);
  EXPECT_DOUBLE_EQ(baseline.watts().value(), 4.5);
}

TEST(IdleBaseline, IsALowQuantileAndForgets) {
  IdleBaseline baseline;
  for (int i = 0; i < 600; ++i) baseline.add(i < 300 ? 4.0 : 6.0, 1s);
  EXPECT_DOUBLE_EQ(baseline.watts().value(), 4.0);
  for (int i = 0; i < 600; ++i) baseline.add(6.0, 1s);
  EXPECT_DOUBLE_EQ(baseline.watts().value(), 6.0);
}

}  // namespace
}  // namespace tegrascope
