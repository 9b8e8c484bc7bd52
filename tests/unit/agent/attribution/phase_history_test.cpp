#include "agent/attribution/phase_history.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace tegrascope {
namespace {

const ModelKey kModel{"127.0.0.1:11434", "qwen2.5:7b"};

TEST(PhaseHistory, IsSilentUntilEnoughWasSeen) {
  PhaseHistory history(2);
  history.learn(kModel, Phase::decode, 1);
  EXPECT_FALSE(history.typical(kModel, Phase::decode));
  history.learn(kModel, Phase::decode, 1);
  EXPECT_DOUBLE_EQ(history.typical(kModel, Phase::decode).value(), 1.0);
  EXPECT_FALSE(history.typical(kModel, Phase::prefill));
  EXPECT_FALSE(history.typical({"127.0.0.1:11434", "other"}, Phase::decode));
}

TEST(PhaseHistory, IsTheMedianOfTheLastRequests) {
  PhaseHistory history(2);
  for (int i = 0; i < 15; ++i) history.learn(kModel, Phase::decode, i == 3 ? 900 : 2);
  EXPECT_DOUBLE_EQ(history.typical(kModel, Phase::decode).value(), 2.0);
  for (int i = 0; i < 15; ++i) history.learn(kModel, Phase::decode, 3);
  EXPECT_DOUBLE_EQ(history.typical(kModel, Phase::decode).value(), 3.0);
  history.forget();
  EXPECT_FALSE(history.typical(kModel, Phase::decode));
}

TEST(PhaseHistory, LearnsNothingFromNothing) {
  PhaseHistory history(1);
  history.learn(kModel, Phase::decode, 0);
  history.learn(kModel, Phase::decode, -5);
  history.learn(kModel, Phase::decode, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(history.typical(kModel, Phase::decode));
}

TEST(PhaseHistory, IsBoundedAndLetsGoWhatWasLearnedLongestAgo) {
  PhaseHistory history(1);
  history.learn(kModel, Phase::decode, 5);
  for (int i = 0; i < 1000; ++i) {
    history.learn({"s", "model" + std::to_string(i)}, Phase::decode, 1);
    if (i % 50 == 0) history.learn(kModel, Phase::decode, 5);
  }
  EXPECT_LE(history.seen().size(), 128u);
  EXPECT_EQ(history.typical({"s", "model999"}, Phase::decode), 1.0);
  EXPECT_FALSE(history.typical({"s", "model0"}, Phase::decode));
  EXPECT_EQ(history.typical(kModel, Phase::decode), 5.0) << "used all the time";
}

}  // namespace
}  // namespace tegrascope
