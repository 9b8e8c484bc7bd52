#include "collectors/jetson/stand_in.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

StandInFacts board(int l4t_major, bool root, bool emc_in_sysfs) {
  return {true, l4t_major, root, emc_in_sysfs, true};
}

TEST(StandIn, OnlyWhereSysfsLacksWhatItHas) {
  EXPECT_TRUE(tegrastats_wanted(board(28, false, false)));
  EXPECT_TRUE(tegrastats_wanted(board(21, true, true)));
  for (const int release : {32, 35}) {
    EXPECT_TRUE(tegrastats_wanted(board(release, false, false))) << release;
    EXPECT_FALSE(tegrastats_wanted(board(release, true, true))) << release;
  }
  for (const int release : {36, 38, 39}) {
    EXPECT_FALSE(tegrastats_wanted(board(release, false, false))) << release << " prints no EMC without root";
    EXPECT_TRUE(tegrastats_wanted(board(release, true, false))) << release;
    EXPECT_FALSE(tegrastats_wanted(board(release, true, true))) << release;
  }
}

TEST(StandIn, NeverElsewhere) {
  StandInFacts facts = board(35, true, false);
  facts.jetson = false;
  EXPECT_FALSE(tegrastats_wanted(facts));
  facts = board(35, true, false);
  facts.same_machine = false;
  EXPECT_FALSE(tegrastats_wanted(facts)) << "a tree of another board";
  EXPECT_FALSE(tegrastats_wanted(board(0, false, false))) << "an unknown release";
}

}  // namespace
}  // namespace tegrascope
