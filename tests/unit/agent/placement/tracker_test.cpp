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

TEST(PlacementTracker, OnARunnerKnownToBeWellOneVerdictHasToBeSure) {
  PlacementThresholds limits;
  limits.raise_at_once = 1.0;
  PlacementTracker tracker(limits);
  tracker.judge_request(on_gpu(), kFirst, at(1));
  tracker.judge_request(on_cpu(), kFirst, at(2));
  EXPECT_EQ(tracker.state(), Placement::gpu) << "one is not two in a row";
  tracker.judge_request(on_cpu(), kFirst, at(3));
  EXPECT_EQ(tracker.state(), Placement::cpu);
  PlacementTracker fresh(limits);
  fresh.judge_request(on_cpu(), kFirst, at(1));
  EXPECT_EQ(fresh.state(), Placement::cpu) << "nothing was known before";
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

Evidence running(Evidence e, Nanoseconds decoded) {
  e.decode_window = decoded;
  return e;
}

TEST(PlacementTracker, ALongAnswerRaisesWhileItRuns) {
  PlacementTracker tracker;
  tracker.judge_request(on_gpu(), kFirst, at(1));
  tracker.judge_in_flight(running(on_cpu(), 3s), kSecond, at(5));
  EXPECT_EQ(tracker.state(), Placement::gpu);
  tracker.judge_in_flight(running(on_cpu(), 9s), kSecond, at(11));
  EXPECT_EQ(tracker.state(), Placement::cpu);
}

TEST(PlacementTracker, ALongAnswerOnTheGpuDoesNotClear) {
  PlacementTracker tracker;
  tracker.judge_request(on_cpu(), kFirst, at(1));
  tracker.judge_in_flight(running(on_gpu(), 20s), kFirst, at(30));
  EXPECT_EQ(tracker.state(), Placement::cpu);
}

TEST(PlacementTracker, CountsEdgesNotRequests) {
  PlacementTracker tracker;
  for (int i = 0; i < 5; ++i) tracker.judge_request(on_cpu(), kFirst, at(i));
  tracker.judge_request(on_gpu(), kSecond, at(10));
  tracker.judge_request(on_cpu(), kSecond, at(11));
}

TEST(PlacementTracker, TheCpuThatWasAskedForIsNoFallback) {
  PlacementTracker tracker;
  Evidence asked = on_cpu();
  asked.cpu_requested = true;
  tracker.judge_request(asked, kFirst, at(1));
  EXPECT_EQ(tracker.state(), Placement::cpu);
}

TEST(PlacementTracker, ALoadOnTheCpuIsToldWithoutARequest) {
  PlacementTracker tracker;
  Evidence loaded;
  loaded.declared_gpu_share = 0;
  EXPECT_FALSE(tracker.judge_loaded(loaded, kFirst, at(1)));
  loaded.logged_layers_offloaded = 0;
  loaded.logged_layers_total = 29;
  EXPECT_TRUE(tracker.judge_loaded(loaded, kFirst, at(2)));
  EXPECT_EQ(tracker.state(), Placement::cpu);
}

TEST(PlacementTracker, AStateOutlivesItsModelByAQuarterOfAnHour) {
  PlacementTracker tracker;
  tracker.judge_request(on_cpu(), kFirst, at(1));
  tracker.note_resident(true, at(100));
  tracker.note_resident(false, at(100 + 10 * 60));
  EXPECT_EQ(tracker.state(), Placement::cpu);
  tracker.note_resident(false, at(100 + 16 * 60));
  EXPECT_FALSE(tracker.state());
}

TEST(PlacementTracker, UnknownNeitherRaisesNorClears) {
  PlacementTracker tracker;
  tracker.judge_request(on_gpu(), kFirst, at(1));
  for (int i = 0; i < 1000; ++i) tracker.judge_request(one_token(), kFirst, at(2 + i));
  EXPECT_EQ(tracker.state(), Placement::gpu);
}

}  // namespace
}  // namespace tegrascope
