#include "agent/model/saved_state.hpp"

#include <algorithm>
#include <limits>

namespace tegrascope {
namespace {

constexpr std::int64_t kDay = 24 * 3600;
constexpr std::int64_t kBaselineValid = kDay;
constexpr std::int64_t kSeriesValid = 30 * kDay;
constexpr const char* kOtherAccount = "other";

bool negative(const Books::Pair& p) { return p.energy_nj < 0 || p.gpu_busy_ns < 0; }

// False when the sum does not fit.
bool add_up(const Books::Pair& part, Books::Pair& sum) {
  return !__builtin_add_overflow(sum.energy_nj, part.energy_nj, &sum.energy_nj) &&
         !__builtin_add_overflow(sum.gpu_busy_ns, part.gpu_busy_ns, &sum.gpu_busy_ns);
}

Books::Pair pair_of(const Amounts& a) { return {a.energy_nj, a.gpu_busy_ns}; }

}  // namespace

Books::Pair Books::attributed_sum() const {
  Pair sum;
  for (const auto& [account, phases] : attributed)
    for (const auto& [phase, amounts] : phases) sum += pair_of(amounts);
  return sum;
}

Books::Pair Books::unattributed_sum() const {
  Pair sum;
  for (const auto& [reason, pair] : unattributed) sum += pair;
  return sum;
}

bool Books::conserved() const {
  Pair sum;
  bool sound = !negative(measured) && !negative(pending) && !negative(interrupted);
  sound = sound && add_up(pending, sum) && add_up(interrupted, sum);
  for (const auto& [reason, pair] : unattributed) sound = sound && !negative(pair) && add_up(pair, sum);
  for (const auto& [account, phases] : attributed)
    for (const auto& [phase, amounts] : phases)
      sound = sound && !negative(pair_of(amounts)) && amounts.cpu_ns >= 0 && add_up(pair_of(amounts), sum);
  return sound && sum == measured;
}

Books carried_over(Books ended) {
  ended.interrupted += ended.pending;
  ended.pending = {};
  return ended;
}

Books sum_of(const Books& carried, const Books& run) {
  Books out = carried;
  out.energy_known = out.energy_known || run.energy_known;
  out.gpu_known = out.gpu_known || run.gpu_known;
  out.measured += run.measured;
  out.pending += run.pending;
  out.interrupted += run.interrupted;
  for (const auto& [reason, pair] : run.unattributed) out.unattributed[reason] += pair;
  for (const auto& [account, phases] : run.attributed) {
    const bool room = out.attributed.size() < kMaxLifetimeAccounts || out.attributed.count(account) != 0;
    auto& own = out.attributed[room ? account : AccountName{account.first, kOtherAccount}];
    for (const auto& [phase, amounts] : phases) own[phase] += amounts;
  }
  return out;
}

bool is_full(const Books& books) {
  constexpr std::int64_t half = std::numeric_limits<std::int64_t>::max() / 2;
  return books.measured.energy_nj > half || books.measured.gpu_busy_ns > half;
}

LearnedState still_valid(const SavedState& saved, const BoardIdentity& board, std::int64_t now_unix_s) {
  const BoardIdentity& then = saved.board;
  const bool same = then.module == board.module && then.soc == board.soc && then.l4t == board.l4t &&
                    then.kernel == board.kernel;
  const std::int64_t away = now_unix_s - saved.saved_unix_s;
  if (!same || away < 0 || away > kSeriesValid) return {};
  LearnedState out = saved.learned;
  for (LearnedBaseline& b : out.baselines) b.age_ns += away * 1'000'000'000;
  std::erase_if(out.baselines,
                [](const LearnedBaseline& b) { return b.age_ns > kBaselineValid * 1'000'000'000; });
  return out;
}

}  // namespace tegrascope
