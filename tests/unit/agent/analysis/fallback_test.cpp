// Reason and cure in the snapshot: while the gauge says cpu, from what the log and /proc told.
#include <gmock/gmock.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

using testing::HasSubstr;

ServeAccess container_without_gpu() {
  ServeAccess serve;
  serve.serve_pid = kServe.pid;
  serve.container = true;
  serve.devices_missing = "mount of the NVIDIA runtime";
  return serve;
}

TEST(Fallback, IsThereWhileTheModelIsOnTheCpu) {
  Board board;
  board.analysis().add(GpuAccess{{container_without_gpu()}, {}});
  board.whole_request(1, 0, 9, 0.0, 5.6);
  ASSERT_EQ(board.model().placement, Placement::cpu);
  ASSERT_TRUE(board.model().fallback);
  EXPECT_EQ(board.model().fallback->reason, ReasonClass::no_gpu);
  EXPECT_THAT(board.model().fallback->cure, HasSubstr("docker stop CONTAINER"));
  EXPECT_THAT(board.snapshot()->recent.back().verdict.explanation,
              HasSubstr("; reason no-gpu: its container has no mount of the NVIDIA runtime"));
  for (RequestId id = 2; id < 6; ++id) board.whole_request(id, board.now(), 12, 0.97, 0.4, {300, 1});
  ASSERT_EQ(board.model().placement, Placement::gpu);
  EXPECT_FALSE(board.model().fallback);
}

// What is born at 1 is lost to increase().
TEST(Fallback, IsCountedFromZeroUnderEachReason) {
  Board board;
  board.run_until(1, 5, 0, 0);
  const auto before = board.model().fallbacks;
  for (const ReasonClass reason : kReasonClasses)
    EXPECT_EQ(before.count(reason), reason == ReasonClass::forced_cpu ? 0u : 1u) << to_string(reason);
  for (const auto& [reason, count] : before) EXPECT_EQ(count, 0u);
  board.analysis().add(GpuAccess{{container_without_gpu()}, {}});
  board.whole_request(1, 1, 9, 0.0, 5.6);
  auto expected = before;
  expected[ReasonClass::no_gpu] = 1;
  EXPECT_EQ(board.model().fallbacks, expected);
}

TEST(Fallback, FollowsTheLog) {
  Board board;
  board.whole_request(1, 0, 9, 0.0, 5.6);
  ASSERT_TRUE(board.model().fallback);
  EXPECT_EQ(board.model().fallback->reason, ReasonClass::none);
  ServerLog log;
  log.server = kServer;
  log.followed = true;
  log.placement = Placement::gpu;
  log.reason = ReasonClass::container_lost_gpu;
  board.analysis().add(log);
  EXPECT_EQ(board.model().fallback->reason, ReasonClass::container_lost_gpu);
}

TEST(Fallback, IsNoneWhereTheCpuIsWanted) {
  Board board;
  ServeAccess serve;
  serve.serve_pid = kServe.pid;
  serve.forced_cpu = "CUDA_VISIBLE_DEVICES=-1";
  board.analysis().add(GpuAccess{{serve}, {}});
  board.whole_request(1, 0, 9, 0.0, 5.6);
  EXPECT_EQ(board.model().placement, Placement::cpu);
  EXPECT_FALSE(board.model().gpu_expected);
  EXPECT_FALSE(board.model().fallback);
}

}  // namespace
}  // namespace tegrascope
