#include "collectors/jetson/board_power.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

TEST(BoardPower, TheInputRailOfEachBoard) {
  for (const char* name : {"VDD_IN", "POM_5V_IN", "VIN"}) {
    const auto power = board_power({{"VDD_SOC", 1.0, {}}, {name, 7.5, MonotonicTime{3s}}});
    ASSERT_TRUE(power) << name;
    EXPECT_EQ(power->watts, 7.5);
    EXPECT_EQ(power->kind, "input_rail");
    EXPECT_EQ(power->at, MonotonicTime{3s});
  }
}

TEST(BoardPower, AgxOrinSumAtTheMeanTime) {
  const auto power = board_power({{"VDD_GPU_SOC", 2.0, MonotonicTime{1s}},
                                  {"VDD_CPU_CV", 1.0, MonotonicTime{2s}},
                                  {"VIN_SYS_5V0", 4.0, MonotonicTime{3s}},
                                  {"VDDQ_VDD2_1V8AO", 0.5, MonotonicTime{6s}}});
  ASSERT_TRUE(power);
  EXPECT_EQ(power->watts, 7.5);
  EXPECT_EQ(power->kind, "rail_sum");
  EXPECT_EQ(power->at, MonotonicTime{3s});
}

TEST(BoardPower, AgxOrinThatShowsThreeRails) {
  const auto power =
      board_power({{"VDD_GPU_SOC", 2.0, {}}, {"VDD_CPU_CV", 1.0, {}}, {"VIN_SYS_5V0", 4.0, {}}});
  ASSERT_TRUE(power);
  EXPECT_EQ(power->watts, 7.0);
}

TEST(BoardPower, ASumOfDifferentAveragesHasNone) {
  const auto sum = [](double first, double second) {
    return board_power({{"VDD_GPU_SOC", 2.0, {}, first},
                        {"VDD_CPU_CV", 1.0, {}, first},
                        {"VIN_SYS_5V0", 4.0, {}, second}})
        ->averaging_seconds;
  };
  EXPECT_EQ(sum(3.5, 3.5), 3.5);
  EXPECT_EQ(sum(3.5, 0.5), 0);
}

TEST(BoardPower, NothingWhenARailItNeedsHasNoValue) {
  EXPECT_FALSE(board_power({{"VDD_IN", std::nullopt, {}}}));
  EXPECT_FALSE(board_power({{"VDD_GPU_SOC", 2.0, {}},
                            {"VDD_CPU_CV", 1.0, {}},
                            {"VIN_SYS_5V0", 4.0, {}},
                            {"VDDQ_VDD2_1V8AO", std::nullopt, {}}}));
}

TEST(BoardPower, NothingOnOtherBoards) {
  EXPECT_FALSE(board_power({}));
  EXPECT_FALSE(board_power({{"GPU", 1.0, {}}, {"CPU", 1.0, {}}, {"SOC", 1.0, {}}}));
  EXPECT_FALSE(board_power({{"VDD_GPU", 1.0, {}}, {"VDD_CPU_SOC_MSS", 1.0, {}}, {"VIN_SYS_5V0", 1.0, {}}}));
}

}  // namespace
}  // namespace tegrascope
