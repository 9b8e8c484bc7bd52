#include "simulator/virtual/scenario.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tegrascope::simulator {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_scenario(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(VirtualScenario, ReadsKeysAndComments) {
  const VirtualScenario s = parse_scenario(R"({
    // a comment
    "duration_s": 60, "board": {"ripple_watts": 2.5}, "sensors": {"averaging_samples": 512},
    "traffic": [{"model": "llama3.2:3b", "users": 2, "pause_s": 3, "output_tokens": [5, 9], "api": "embed"}],
    "faults": [{"at_s": 5, "for_s": 1, "sensor": "gpu", "kind": "frozen"}]})");
  EXPECT_EQ(s.duration_seconds, 60);
  EXPECT_EQ(s.ripple_watts, 2.5);
  EXPECT_EQ(s.averaging_samples, 512);
  ASSERT_EQ(s.traffic.size(), 1u);
  EXPECT_EQ(s.traffic[0].users, 2);
  EXPECT_EQ(s.traffic[0].pause_seconds.low, 3);
  EXPECT_EQ(s.traffic[0].output_tokens.high, 9);
  EXPECT_EQ(s.traffic[0].api, Api::embed);
  ASSERT_EQ(s.faults.size(), 1u);
  EXPECT_EQ(s.faults[0].kind, SensorFaultKind::frozen);
}

TEST(VirtualScenario, WhatIsExpectedHoldsForBothSightsUnlessOneSaysOtherwise) {
  const VirtualScenario s = parse_scenario(R"({
    "changes": [{"at_s": 9, "restart": "runner", "placement": "cpu"}, {"at_s": 2, "declared_share": 1}],
    "expect": {"row": 3, "placement": "cpu", "alarm": true, "detect_within": 1, "all": {"at_load": true},
               "unprivileged": {"detect_within": 2}}})");
  ASSERT_EQ(s.changes.size(), 2u);
  EXPECT_EQ(s.changes[0].declared_share, 1);
  EXPECT_EQ(s.changes[1].restart, Restart::runner);
  ASSERT_TRUE(s.expect);
  EXPECT_EQ(s.expect->all.placement, std::vector<std::string>{"cpu"});
  EXPECT_TRUE(s.expect->all.at_load);
  EXPECT_EQ(s.expect->all.detect_within, 1);
  EXPECT_FALSE(s.expect->unprivileged.at_load);
  EXPECT_EQ(s.expect->unprivileged.detect_within, 2);
}

TEST(VirtualScenario, AMistakeIsNamedWithWhatIsAllowed) {
  EXPECT_THAT(error_of("{"), testing::HasSubstr("is not JSON"));
  EXPECT_THAT(error_of(R"({"durations": 1})"),
              testing::HasSubstr("durations: is unknown: the keys here are board,"));
  EXPECT_THAT(error_of(R"({"duration_s": -1})"), testing::HasSubstr("duration_s: must be from 1"));
  EXPECT_THAT(error_of(R"({"traffic": [{"model": "x:y", "users": 1}]})"),
              testing::HasSubstr("traffic[0].model: model 'x:y' is unknown: one of qwen2.5:7b"));
  EXPECT_THAT(error_of(R"({"traffic": [{}]})"), testing::HasSubstr("needs either per_hour or users"));
  EXPECT_THAT(error_of(R"({"traffic": [{"users": 1, "pause_s": [2, 1]}]})"),
              testing::HasSubstr("traffic[0].pause_s"));
  EXPECT_THAT(error_of(R"({"faults": [{"kind": "odd"}]})"),
              testing::HasSubstr("one of missing, frozen, silent, stuck"));
}

}  // namespace
}  // namespace tegrascope::simulator
