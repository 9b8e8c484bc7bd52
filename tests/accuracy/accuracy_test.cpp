// The comparison itself: reproducible, and able to tell a wrong method from the right one.
#include <gtest/gtest.h>

#include "agent/accuracy/report.hpp"
#include "agent/accuracy/summary.hpp"

namespace tegrascope::accuracy {
namespace {

simulator::VirtualScenario chats() {
  return simulator::parse_scenario(
      R"({"duration_s": 1500, "lead_in_s": 150, "ollama": {"preload": ["qwen2.5:7b"]},
    "witness": {"jitter_ms": 5},
    "traffic": [{"users": 1, "pause_s": [4, 12], "prompt_tokens": [30, 600], "output_tokens": [20, 150]}]})");
}

Summary measure(const StudyOptions& options) { return summarize({run_study(chats(), options)}); }

std::string reproducible_part(const std::string& json) { return json.substr(0, json.find("\"cost\"")); }

TEST(Accuracy, TheSameSeedGivesTheSameAnswersToTheBit) {
  StudyOptions options;
  options.seed = 7;
  const StudyResult a = run_study(chats(), options);
  const StudyResult b = run_study(chats(), options);
  const std::string text = to_json(a, summarize({a}));
  EXPECT_EQ(reproducible_part(text), reproducible_part(to_json(b, summarize({b}))));
  EXPECT_NE(text.find("\"cost\""), std::string::npos);
}

TEST(Accuracy, EveryRequestIsAnsweredAndTheBooksBalance) {
  const Summary s = measure({});
  EXPECT_GT(s.requests, 40u);
  EXPECT_EQ(s.missing, 0u);
  EXPECT_TRUE(s.conserved);
  EXPECT_NEAR(s.board_error, 0, 0.01);
}

TEST(Accuracy, APlainTrapezoidIsFoundOut) {
  StudyOptions options;
  options.rate_hz = 1;
  const Summary right = measure(options);
  options.attribution.hold_power_at_edges = false;
  const Summary wrong = measure(options);
  EXPECT_GT(wrong.decode_2s.energy.p95, 0.10);
  EXPECT_LT(right.decode_2s.energy.p95, wrong.decode_2s.energy.p95);
}

TEST(Accuracy, AnAverageThatIsTakenForTheValueIsFoundOut) {
  StudyOptions options;
  options.averaging_samples = 512;
  const Summary right = measure(options);
  options.tell_averaging = false;
  const Summary wrong = measure(options);
  EXPECT_LT(right.decode_5s.energy.p95, 0.05);
  EXPECT_GT(wrong.decode_5s.energy.p95, 0.10);
}

TEST(Accuracy, PhasesWithoutASampleNeedWhatWasLearned) {
  const auto scenario = simulator::parse_scenario(
      R"({"duration_s": 3000, "lead_in_s": 150, "ollama": {"preload": ["llama3.2:1b"]},
    "traffic": [{"model": "llama3.2:1b", "users": 1, "pause_s": [5, 10], "output_tokens": [100, 300], "until_s": 900},
                {"model": "llama3.2:1b", "users": 1, "pause_s": [3, 10], "output_tokens": [4, 25],
                 "prompt_tokens": [20, 200], "from_s": 1000}]})");
  StudyOptions options;
  options.rate_hz = 1;
  const Summary right = summarize({run_study(scenario, options)});
  options.attribution.learn_phase_power = false;
  const Summary wrong = summarize({run_study(scenario, options)});
  EXPECT_GT(right.shorter, 100u);
  EXPECT_NEAR(right.shorter_sum_error.value(), 0, 0.03);
  EXPECT_LT(wrong.shorter_sum_error.value(), -0.2);
}

TEST(Accuracy, StatedIntervalsHoldTheTruth) {
  const Summary s = measure({});
  ASSERT_TRUE(s.coverage_95);
  EXPECT_EQ(s.intervals, s.requests);
  EXPECT_GE(*s.coverage_95, 0.9);
}

TEST(Accuracy, AnAnswerThatIsMissingCountsAsWrong) {
  StudyResult study = run_study(chats(), {});
  for (Answer& answer : study.answers) answer.record.reset();
  const Summary s = summarize({study});
  EXPECT_EQ(s.missing, s.requests);
  EXPECT_EQ(s.all.energy.p95, 1.0);
}

}  // namespace
}  // namespace tegrascope::accuracy
