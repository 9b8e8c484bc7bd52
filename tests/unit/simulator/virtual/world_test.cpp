// The virtual Ollama and its books, followed event by event.
#include "simulator/virtual/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tegrascope::simulator {
namespace {

using namespace std::chrono_literals;

VirtualScenario scenario(const char* text) { return parse_scenario(text); }

// Runs until nothing is left, looking at the sensors each `step` when that is not zero.
VirtualTruth run(VirtualWorld& world, Nanoseconds step = {}, std::vector<SeenEvent>* seen = nullptr) {
  MonotonicTime sample{step};
  while (!world.over()) {
    MonotonicTime now = world.next_time();
    if (step > Nanoseconds::zero() && sample < now) {
      now = sample;
      sample += step;
    }
    for (SeenEvent& event : world.advance(now))
      if (seen != nullptr) seen->push_back(std::move(event));
    if (step > Nanoseconds::zero()) world.sample(now, true);
  }
  return world.truth();
}

constexpr const char* kOneChat = R"({"lead_in_s": 10, "ollama": {"preload": ["qwen2.5:7b"]},
  "board": {"ripple_watts": 0, "leakage_per_degree": 0},
  "traffic": [{"users": 1, "count": 1, "prompt_tokens": 180, "output_tokens": 93}]})";

TEST(VirtualWorld, OneChatIsClosedForm) {
  VirtualWorld world(scenario(kOneChat), 1);
  const VirtualTruth truth = run(world);
  ASSERT_EQ(truth.requests.size(), 1u);
  const VirtualRequest& r = truth.requests[0];
  // 180 tokens of prompt at 180 token/s and 9.4 W above idle (14.0 - 4.6), then 93 tokens at 9.31 token/s, a little
  // faster for their short context, at 8.4 W.
  EXPECT_EQ(r.prompt_eval_duration, 1s);
  EXPECT_EQ(to_nanojoules(r.phases.at(Phase::prefill).above_idle), 9'400'000'000);
  EXPECT_EQ(to_nanojoules(r.phases.at(Phase::prefill).idle), 4'600'000'000);
  const double pass = (6 + (0.6 + 0.4 * (180 + 46.5) / 500)) / 7 / 9.31;
  EXPECT_NEAR(to_seconds(r.eval_duration), 93 * pass, 1e-8);
  EXPECT_NEAR(static_cast<double>(to_nanojoules(r.phases.at(Phase::decode).above_idle)), 8.4e9 * 93 * pass,
              100);
  EXPECT_NEAR(r.solo_joules, 9.4 + 8.4 * 93 * pass, 1e-6);
  EXPECT_EQ(r.load_duration, 15ms);
  EXPECT_TRUE(truth.adds_up());
}

TEST(VirtualWorld, LookingAtTheSensorsChangesNothing) {
  constexpr const char* kTwo = R"({"duration_s": 300, "lead_in_s": 5, "ollama": {"parallel": 4},
    "traffic": [{"model": "llama3.2:3b", "users": 3, "output_tokens": [5, 60]}]})";
  VirtualWorld watched(scenario(kTwo), 4);
  VirtualWorld alone(scenario(kTwo), 4);
  const VirtualTruth a = run(watched, 37ms);
  const VirtualTruth b = run(alone);
  ASSERT_EQ(a.requests.size(), b.requests.size());
  ASSERT_GT(a.requests.size(), 20u);
  for (std::size_t i = 0; i < a.requests.size(); ++i) {
    EXPECT_EQ(a.requests[i].ended, b.requests[i].ended);
    EXPECT_NEAR(static_cast<double>(to_nanojoules(a.requests[i].above_idle())),
                static_cast<double>(to_nanojoules(b.requests[i].above_idle())), 1.0);
  }
  EXPECT_TRUE(a.adds_up());
}

TEST(VirtualWorld, SeedsDiffer) {
  constexpr const char* kSome = R"({"duration_s": 200, "lead_in_s": 5, "traffic": [{"users": 1}]})";
  VirtualWorld one(scenario(kSome), 1);
  VirtualWorld other(scenario(kSome), 2);
  EXPECT_NE(run(one).requests[0].ended, run(other).requests[0].ended);
}

TEST(VirtualWorld, WithOneSlotTheSecondWaitsAndPaysNothingForIt) {
  VirtualWorld world(scenario(R"({"lead_in_s": 5, "ollama": {"preload": ["qwen2.5:7b"]},
    "traffic": [{"users": 2, "count": 2, "pause_s": 0, "output_tokens": 50}]})"),
                     1);
  const VirtualTruth truth = run(world);
  ASSERT_EQ(truth.requests.size(), 2u);
  EXPECT_EQ(truth.requests[1].most_at_once, 1);
  Nanoseconds worked{};
  for (const auto& [phase, time] : truth.requests[1].phases) worked += time.time;
  EXPECT_LT(worked, truth.requests[1].ended - truth.requests[1].received - 4s);
}

TEST(VirtualWorld, WithTwoSlotsTheyShareAndCostLessThanAlone) {
  VirtualWorld world(scenario(R"({"lead_in_s": 5, "ollama": {"preload": ["qwen2.5:7b"], "parallel": 2},
    "traffic": [{"users": 2, "count": 2, "pause_s": 0, "output_tokens": 50, "prompt_tokens": 10}]})"),
                     1);
  const VirtualTruth truth = run(world);
  ASSERT_EQ(truth.requests.size(), 2u);
  for (const VirtualRequest& r : truth.requests) {
    EXPECT_EQ(r.most_at_once, 2);
    EXPECT_LT(static_cast<double>(to_nanojoules(r.above_idle())) * 1e-9, 0.7 * r.solo_joules);
  }
  EXPECT_TRUE(truth.adds_up());
}

TEST(VirtualWorld, AModelThatDoesNotFitPushesOutTheOther) {
  VirtualWorld world(scenario(R"({"lead_in_s": 5, "ollama": {"memory_bytes": 6e9, "preload": ["qwen2.5:7b"]},
    "traffic": [{"model": "llama3.2:3b", "users": 1, "count": 1}]})"),
                     1);
  const VirtualTruth truth = run(world);
  const VirtualRequest& r = truth.requests.at(0);
  EXPECT_TRUE(r.loaded);
  // Eviction (0.4 to 1.5 s) costs nothing; reading 2.02 GB at 1.2 GB/s does.
  const Nanoseconds reading = r.phases.at(Phase::load).time;
  EXPECT_NEAR(to_seconds(reading), 2019377376 / 1.2e9, 1e-6);
  EXPECT_GE(r.load_duration - reading, 400ms);
  EXPECT_LE(r.load_duration - reading, 1501ms);
  ASSERT_EQ(world.state(MonotonicTime{}).models.size(), 1u);
  EXPECT_EQ(world.state(MonotonicTime{}).models[0].name, "llama3.2:3b");
}

TEST(VirtualWorld, WhoWaitsForAnothersLoadPaysNothingForIt) {
  VirtualWorld world(scenario(R"({"lead_in_s": 5, "traffic": [{"users": 2, "count": 2, "pause_s": 0}]})"), 1);
  const VirtualTruth truth = run(world);
  ASSERT_EQ(truth.requests.size(), 2u);
  EXPECT_EQ(std::count_if(truth.requests.begin(), truth.requests.end(),
                          [](const VirtualRequest& r) { return r.phases.count(Phase::load) != 0; }),
            1);
}

TEST(VirtualWorld, ACancelledStreamEndsEarlyWithoutFigures) {
  std::vector<SeenEvent> seen;
  VirtualWorld world(scenario(R"({"lead_in_s": 5, "traffic": [{"users": 1, "count": 1, "cancelled_share": 1,
    "output_tokens": 200}]})"),
                     1);
  const VirtualTruth truth = run(world, {}, &seen);
  EXPECT_LT(truth.requests.at(0).output_tokens, 200);
  const auto& ended = std::get<RequestEnded>(seen.back().event);
  EXPECT_EQ(ended.status_code, 499);
  EXPECT_FALSE(ended.counts);
}

TEST(VirtualWorld, TheWitnessIsInOrderAndNeverEarly) {
  std::vector<SeenEvent> seen;
  VirtualWorld world(scenario(kOneChat), 3);
  const VirtualTruth truth = run(world, {}, &seen);
  ASSERT_GE(seen.size(), 4u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(),
                             [](const SeenEvent& a, const SeenEvent& b) { return a.at < b.at; }));
  const auto& ended = std::get<RequestEnded>(seen.back().event);
  EXPECT_GE(ended.at, truth.requests[0].ended);
  EXPECT_LE(ended.at, truth.requests[0].ended + 50ms);
  EXPECT_EQ(ended.content_chunks, 93u);
  EXPECT_NEAR(to_seconds(*ended.counts->eval_duration), to_seconds(truth.requests[0].eval_duration), 1e-3);
}

}  // namespace
}  // namespace tegrascope::simulator
