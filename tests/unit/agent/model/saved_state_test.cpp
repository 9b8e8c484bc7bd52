#include "agent/model/saved_state.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace tegrascope {
namespace {

constexpr const char* kServer = "127.0.0.1:11434";
constexpr std::int64_t kNow = 1'763'900'000;

Books books() {
  Books b;
  b.energy_known = b.gpu_known = true;
  b.measured = {1000, 100};
  b.pending = {50, 5};
  b.unattributed[Unattributed::idle] = {600, 0};
  b.attributed[{kServer, "qwen2.5:7b"}][Phase::decode] = {350, 100, 95, 7};
  return b;
}

TEST(Books, AreConserved) {
  EXPECT_TRUE(books().conserved());
  EXPECT_TRUE(Books{}.conserved());
  Books lost = books();
  lost.measured.energy_nj += 1;
  EXPECT_FALSE(lost.conserved());
  Books gpu = books();
  gpu.pending.gpu_busy_ns -= 1;
  EXPECT_FALSE(gpu.conserved());
  Books negative = books();
  negative.pending.energy_nj = -50;
  negative.measured.energy_nj = 900;
  EXPECT_FALSE(negative.conserved());
}

TEST(Books, ThatOverflowAreNotConserved) {
  Books b;
  b.measured = {-2, 0};
  b.pending = {std::numeric_limits<std::int64_t>::max(), 0};
  b.interrupted = {std::numeric_limits<std::int64_t>::max(), 0};
  EXPECT_FALSE(b.conserved());
}

TEST(Books, PendingOfAnEndedRunIsInterrupted) {
  const Books carried = carried_over(books());
  EXPECT_EQ(carried.pending, Books::Pair{});
  EXPECT_EQ(carried.interrupted, (Books::Pair{50, 5}));
  EXPECT_TRUE(carried.conserved());
}

TEST(Books, AddUp) {
  const Books both = sum_of(carried_over(books()), books());
  EXPECT_TRUE(both.conserved());
  EXPECT_EQ(both.measured, (Books::Pair{2000, 200}));
  EXPECT_EQ(both.pending, (Books::Pair{50, 5}));
  EXPECT_EQ(both.interrupted, (Books::Pair{50, 5}));
  EXPECT_EQ(both.attributed.at({kServer, "qwen2.5:7b"}).at(Phase::decode), (Amounts{700, 200, 190, 14}));
}

TEST(Books, KeepABoundedNumberOfModelsApart) {
  Books many;
  for (std::size_t i = 0; i < 2 * kMaxLifetimeAccounts; ++i) {
    Books one;
    one.measured = {1, 0};
    one.attributed[{kServer, "m" + std::to_string(i)}][Phase::decode] = {1, 0, 0, 0};
    many = sum_of(many, one);
  }
  EXPECT_LE(many.attributed.size(), kMaxLifetimeAccounts + 1);
  EXPECT_TRUE(many.conserved());
  EXPECT_GT(many.attributed.at({kServer, "other"}).at(Phase::decode).energy_nj, 500);
}

TEST(Books, AreFullBeforeTheyOverflow) {
  Books b;
  b.measured.energy_nj = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_FALSE(is_full(b));
  b.measured.energy_nj += 1;
  EXPECT_TRUE(is_full(b));
}

SavedState saved() {
  SavedState s;
  s.saved_unix_s = kNow;
  s.board.module = "NVIDIA Jetson Orin Nano 8GB";
  s.board.l4t = "36.4.4";
  s.board.kernel = "5.15.148-tegra";
  LearnedBaseline b;
  b.power_mode = 2;
  b.watts = 4.5;
  b.age_ns = 3600LL * 1'000'000'000;
  s.learned.baselines = {b};
  s.learned.series = {{"unit_cost", kServer, "qwen2.5:7b", Phase::decode, {1.1, 1.2}}};
  return s;
}

TEST(LearnedState, HoldsOnTheSameBoard) {
  const SavedState s = saved();
  const LearnedState l = still_valid(s, s.board, kNow + 600);
  ASSERT_EQ(l.baselines.size(), 1u);
  EXPECT_EQ(l.baselines[0].age_ns, 4200LL * 1'000'000'000);
  EXPECT_EQ(l.series, s.learned.series);
}

TEST(LearnedState, BaselinesLastADayAndSeriesAMonth) {
  const SavedState s = saved();
  EXPECT_EQ(still_valid(s, s.board, kNow + 23 * 3600).baselines.size(), 1u);
  const LearnedState later = still_valid(s, s.board, kNow + 23 * 3600 + 1);
  EXPECT_TRUE(later.baselines.empty());
  EXPECT_EQ(later.series.size(), 1u);
  EXPECT_EQ(still_valid(s, s.board, kNow + 30LL * 86400 + 1), LearnedState{});
}

TEST(LearnedState, IsNothingOnAnotherBoardKernelOrReleaseOrWithAClockThatWentBack) {
  const SavedState s = saved();
  for (std::string BoardIdentity::*field :
       {&BoardIdentity::module, &BoardIdentity::soc, &BoardIdentity::l4t, &BoardIdentity::kernel}) {
    BoardIdentity other = s.board;
    other.*field = "another";
    EXPECT_EQ(still_valid(s, other, kNow), LearnedState{});
  }
  EXPECT_EQ(still_valid(s, s.board, kNow - 1), LearnedState{});
  EXPECT_EQ(still_valid(s, s.board, std::numeric_limits<std::int64_t>::max()), LearnedState{});
}

}  // namespace
}  // namespace tegrascope
