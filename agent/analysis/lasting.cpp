// The analysis' half that outlives a run: the books so far and what was learned.
#include "agent/analysis/analysis.hpp"

namespace tegrascope {
namespace {

constexpr Nanoseconds kLearnedEvery = std::chrono::seconds(30);

}  // namespace

void Analysis::restore(std::shared_ptr<const Books> carried, const LearnedState& learned, MonotonicTime now) {
  carried_ = std::move(carried);
  attribution_.restore(learned, now);
  desk_.restore_history(learned.series);
}

void Analysis::fill_lasting(Snapshot& snapshot) {
  if (!learned_ || snapshot.at - learned_at_ >= kLearnedEvery) {
    LearnedState learned = attribution_.learned(snapshot.at);
    std::erase_if(learned.series, RateHistory::is_its);
    desk_.save_history(learned.series);
    learned_ = std::make_shared<const LearnedState>(std::move(learned));
    learned_at_ = snapshot.at;
  }
  for (const auto& [key, phases] : attribution_.ledger().closed())
    snapshot.closed_accounts[{key.server, key.model}] = phases;
  snapshot.carried = carried_;
  snapshot.learned = learned_;
  snapshot.storage = storage_;
}

}  // namespace tegrascope
