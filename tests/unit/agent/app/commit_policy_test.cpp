#include "agent/app/commit_policy.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{100s};

Snapshot at(Nanoseconds after, std::int64_t attributed_nj, std::int64_t measured_nj) {
  Snapshot s;
  s.at = kStart + after;
  s.ledger.measured_energy_nj = measured_nj;
  s.models.resize(1);
  s.models[0].attributed[Phase::decode].energy_nj = attributed_nj;
  return s;
}

TEST(CommitPolicy, ARequestIsCommittedWithinHalfAMinute) {
  CommitPolicy policy(kStart);
  EXPECT_FALSE(policy.is_due(at(29s, 5, 9)));
  EXPECT_TRUE(policy.is_due(at(30s, 5, 9)));
  policy.committed(at(30s, 5, 9));
  EXPECT_FALSE(policy.is_due(at(59s, 6, 9)));
  EXPECT_TRUE(policy.is_due(at(60s, 6, 9)));
}

TEST(CommitPolicy, NothingNewIsNeverCommitted) {
  CommitPolicy policy(kStart);
  EXPECT_FALSE(policy.is_due(at(24h, 0, 0)));
  policy.committed(at(24h, 5, 9));
  EXPECT_FALSE(policy.is_due(at(48h, 5, 9)));
  EXPECT_FALSE(policy.is_new(at(48h, 5, 9)));
  EXPECT_TRUE(policy.is_new(at(48h, 5, 10)));
}

TEST(CommitPolicy, AnIdleBoardIsCommittedEveryTenMinutes) {
  CommitPolicy policy(kStart);
  int commits = 0;
  for (int second = 0; second < 3600; ++second) {
    const Snapshot s = at(std::chrono::seconds(second), 0, second);
    if (!policy.is_due(s)) continue;
    policy.committed(s);
    ++commits;
  }
  EXPECT_EQ(commits, 5);
}

TEST(CommitPolicy, ABusyBoardTwiceAMinuteAtMost) {
  CommitPolicy policy(kStart);
  int commits = 0;
  for (int second = 0; second < 3600; ++second) {
    const Snapshot s = at(std::chrono::seconds(second), second, second);
    if (!policy.is_due(s)) continue;
    policy.committed(s);
    ++commits;
  }
  EXPECT_EQ(commits, 119);
}

}  // namespace
}  // namespace tegrascope
