#include "agent/placement/tracker.hpp"

#include <algorithm>

namespace tegrascope {

void PlacementTracker::follow(const std::optional<ProcessId>& runner) {
  if (!runner || runner_ == runner) return;
  runner_ = runner;
  prior_ = Belief{};
  in_a_row_ = 0;
  reloaded_ = true;
}

Verdict PlacementTracker::judge_request(const Evidence& evidence, const std::optional<ProcessId>& runner,
                                        MonotonicTime at) {
  follow(runner);
  const Judgement judgement = judge(evidence, prior_, limits_);
  // What was undecided counts as well, else it could never add up; what was withheld was no evidence.
  prior_ = judgement.verdict.probability > 0 ? next_prior(judgement.posterior) : prior_;
  apply(judgement.verdict, at);
  return judgement.verdict;
}

Verdict PlacementTracker::judge_in_flight(const Evidence& evidence, const std::optional<ProcessId>& runner,
                                          MonotonicTime at) {
  follow(runner);
  const Verdict verdict = judge(evidence, prior_, limits_).verdict;
  const bool sure = verdict.placement != Placement::unknown && verdict.probability >= limits_.raise_at_once;
  if (!sure || evidence.decode_window < limits_.in_flight_raise || state_ == verdict.placement)
    return verdict;
  if (verdict.placement != Placement::gpu || !state_ || reloaded_) set(verdict, at);
  return verdict;
}

std::optional<Verdict> PlacementTracker::judge_loaded(const Evidence& evidence, const ProcessId& runner,
                                                      MonotonicTime at) {
  follow(runner);
  const Verdict verdict = judge_load(evidence, Belief{}, limits_).verdict;
  if (verdict.placement == Placement::unknown || verdict.probability < limits_.raise_at_once)
    return std::nullopt;
  last_resident_ = at;
  if (state_ != verdict.placement) set(verdict, at);
  return verdict;
}

void PlacementTracker::note_resident(bool resident, MonotonicTime at) {
  if (resident || !last_resident_) last_resident_ = at;
  if (at - std::max(*last_resident_, since_) < limits_.hold_after_unload) return;
  state_.reset();
  explanation_.clear();
  reloaded_ = true;
}

void PlacementTracker::apply(const Verdict& verdict, MonotonicTime at) {
  if (verdict.placement == Placement::unknown) return;
  last_resident_ = at;
  in_a_row_ = verdict.placement == candidate_ ? in_a_row_ + 1 : 1;
  candidate_ = verdict.placement;
  if (state_ == verdict.placement) {
    reloaded_ = false;
    return;
  }
  const bool raising = verdict.placement != Placement::gpu;
  const bool enough = reloaded_ || !state_ || (raising && verdict.probability >= limits_.raise_at_once) ||
                      in_a_row_ >= (raising ? limits_.raise_in_a_row : limits_.clear_in_a_row);
  if (enough) set(verdict, at);
}

void PlacementTracker::set(const Verdict& verdict, MonotonicTime at) {
  state_ = verdict.placement;
  since_ = at;
  explanation_ = verdict.explanation;
  reloaded_ = false;
}

}  // namespace tegrascope
