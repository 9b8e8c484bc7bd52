#include "agent/placement/tracker.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr ProcessId kFirst{10, 1};
constexpr ProcessId kSecond{11, 1};

Evidence on_gpu() {
  Evidence e;
  e.decode_window = 5s;
  e.output_tokens = 50;
  e.gpu_load_ratio = 0.97;
  e.gpu_samples = 40;
  e.runner_cores = 0.4;
  e.runner_threads = 6;
  return e;
}

Evidence on_cpu() {
  Evidence e = on_gpu();
  e.gpu_load_ratio = 0.0;
  e.runner_cores = 5.6;
  return e;
}

Evidence one_token() {
  Evidence e = on_cpu();
  e.output_tokens = 1;
  return e;
}

MonotonicTime at(int seconds) { return MonotonicTime{std::chrono::seconds(seconds)}; }

TEST(PlacementTracker, HasNoStateBeforeAVerdict) {
  PlacementTracker tracker;
  EXPECT_FALSE(tracker.state());
  tracker.judge_request(one_token(), kFirst, at(1));
  EXPECT_FALSE(tracker.state());
}

TEST(PlacementTracker, TheFirstVerdictSetsTheState) {
  PlacementTracker tracker;
  tracker.judge_request(on_gpu(), kFirst, at(1));
  EXPECT_EQ(tracker.state(), Placement::gpu);
  EXPECT_EQ(tracker.since(), at(1));
}

TEST(PlacementTracker, OneSureCpuRequestRaises) {
  PlacementTracker tracker;
  tracker.judge_request(on_gpu(), kFirst, at(1));
  tracker.judge_request(on_cpu(), kFirst, at(2));
  EXPECT_EQ(tracker.state(), Placement::cpu);
}

TEST(PlacementTracker, ClearsAfterThreeGpuRequestsOnTheSameRunner) {
  PlacementTracker tracker;
  tracker.judge_request(on_cpu(), kFirst, at(1));
  tracker.judge_request(on_gpu(), kFirst, at(2));
  tracker.judge_request(on_gpu(), kFirst, at(3));
  EXPECT_EQ(tracker.state(), Placement::cpu);
  tracker.judge_request(on_gpu(), kFirst, at(4));
  EXPECT_EQ(tracker.state(), Placement::gpu);
}

TEST(PlacementTracker, ClearsAfterOneGpuRequestOnANewRunner) {
  PlacementTracker tracker;
  tracker.judge_request(on_cpu(), kFirst, at(1));
  tracker.judge_request(on_gpu(), kSecond, at(2));
  EXPECT_EQ(tracker.state(), Placement::gpu);
}

TEST(PlacementTracker, UnknownNeitherRaisesNorClears) {
  PlacementTracker tracker;
  tracker.judge_request(on_gpu(), kFirst, at(1));
  for (int i = 0; i < 1000; ++i) tracker.judge_request(one_token(), kFirst, at(2 + i));
  EXPECT_EQ(tracker.state(), Placement::gpu);
}

}  // namespace
}  // namespace tegrascope
