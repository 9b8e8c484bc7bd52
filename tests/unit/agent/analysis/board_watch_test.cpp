#include "agent/analysis/board_watch.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

MonotonicTime at(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

// Nothing works until `until`, the GPU shows `load`.
BoardWatch idle_board(double until, double load, double spread = 0) {
  BoardWatch watch;
  for (double t = 0; t < until; t += 1)
    watch.add_gpu_load(at(t), load + (static_cast<int>(t) % 2 == 0 ? spread : 0), false);
  return watch;
}

TEST(BoardWatch, AGpuThatRestedBeforeIsTheModels) {
  EXPECT_EQ(idle_board(10, 0).load_doubt(at(10), 0.97), LoadDoubt::none);
}

TEST(BoardWatch, AGpuThatWorkedBeforeIsSomebodyElses) {
  EXPECT_EQ(idle_board(10, 0.9, 0.05).load_doubt(at(10), 0.97), LoadDoubt::foreign);
}

TEST(BoardWatch, AGpuThatShowsOneValueIsStuck) {
  EXPECT_EQ(idle_board(10, 0.99).load_doubt(at(10), 0.99), LoadDoubt::stuck);
}

TEST(BoardWatch, OneStraySampleIsNotEnough) {
  BoardWatch watch = idle_board(10, 0);
  watch.add_gpu_load(at(10), 0.97, false);
  EXPECT_EQ(watch.load_doubt(at(10.5), 0.97), LoadDoubt::none);
}

TEST(BoardWatch, WhatWorkLeavesBehindDoesNotCount) {
  BoardWatch watch;
  watch.add_gpu_load(at(1), 0.97, true);
  for (double t = 1.1; t < 3; t += 0.1) watch.add_gpu_load(at(t), 0.97, false);
  EXPECT_EQ(watch.load_doubt(at(3), 0.97), LoadDoubt::none);
}

TEST(BoardWatch, ThrottlingAndSwapCountInTheirTime) {
  BoardWatch watch;
  for (int t = 0; t <= 20; ++t) {
    watch.add({Signal::throttled, "", "thermal", t >= 10 ? 1.0 : 0.0, at(t)});
    watch.add({Signal::swap_in_bytes, "", "", t < 10 ? 0 : (t - 10) * 5e6, at(t)});
  }
  EXPECT_FALSE(watch.throttled(at(1), at(8)));
  EXPECT_TRUE(watch.throttled(at(8), at(12)));
  EXPECT_FALSE(watch.swapping(at(2), at(8)));
  EXPECT_TRUE(watch.swapping(at(12), at(18)));
}

}  // namespace
}  // namespace tegrascope
