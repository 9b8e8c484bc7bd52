#include "agent/placement/tracker.hpp"

namespace tegrascope {
namespace {

constexpr double kRaiseAtOnce = 0.99;
constexpr int kRaiseInARow = 2;
constexpr int kClearInARow = 3;

}  // namespace

Verdict PlacementTracker::judge_request(const Evidence& evidence, const std::optional<ProcessId>& runner,
                                        MonotonicTime at) {
  if (runner && runner_ != runner) {
    runner_ = runner;
    prior_ = Belief{};
    in_a_row_ = 0;
    reloaded_ = true;
  }
  const Judgement judgement = judge(evidence, prior_);
  if (judgement.verdict.placement != Placement::unknown) prior_ = next_prior(judgement.posterior);
  apply(judgement.verdict, at);
  return judgement.verdict;
}

void PlacementTracker::apply(const Verdict& verdict, MonotonicTime at) {
  if (verdict.placement == Placement::unknown) return;
  in_a_row_ = verdict.placement == candidate_ ? in_a_row_ + 1 : 1;
  candidate_ = verdict.placement;
  if (state_ == verdict.placement) {
    reloaded_ = false;
    return;
  }
  const bool raising = verdict.placement != Placement::gpu;
  const bool enough = reloaded_ || !state_ || (raising && verdict.probability >= kRaiseAtOnce) ||
                      in_a_row_ >= (raising ? kRaiseInARow : kClearInARow);
  if (!enough) return;
  state_ = verdict.placement;
  since_ = at;
  reloaded_ = false;
}

}  // namespace tegrascope
