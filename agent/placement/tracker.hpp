// The placement of one model as the gauge and the alarm see it: verdicts of single requests with hysteresis.
// Pure.
#pragma once

#include <optional>

#include "agent/model/reading.hpp"
#include "agent/placement/judge.hpp"

namespace tegrascope {

class PlacementTracker {
 public:
  // Judges a request that ran on `runner` (absent: not known). A new runner starts from the first prior, and
  // the next verdict replaces the state at once: the model was loaded anew.
  Verdict judge_request(const Evidence& evidence, const std::optional<ProcessId>& runner, MonotonicTime at);

  // State of the gauge; absent until a verdict other than unknown came. Held until contrary evidence comes:
  //   cpu or partial: one verdict with p >= 0.99, or two in a row with p >= 0.95
  //   back to gpu:    three in a row, or one after a reload
  std::optional<Placement> state() const { return state_; }
  MonotonicTime since() const { return since_; }

 private:
  void apply(const Verdict& verdict, MonotonicTime at);

  Belief prior_;
  std::optional<ProcessId> runner_;
  std::optional<Placement> state_;
  MonotonicTime since_{};
  Placement candidate_ = Placement::unknown;
  int in_a_row_ = 0;
  bool reloaded_ = true;
};

}  // namespace tegrascope
