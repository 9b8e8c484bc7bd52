// The placement of one model as the gauge and the alarm see it: verdicts of single requests with hysteresis.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/model/reading.hpp"
#include "agent/placement/judge.hpp"

namespace tegrascope {

class PlacementTracker {
 public:
  explicit PlacementTracker(const PlacementThresholds& limits = {}) : limits_(limits) {}

  // Judges a request that ran on `runner` (absent: not known). A new runner starts from the first prior, and
  // the next verdict replaces the state at once: the model was loaded anew.
  Verdict judge_request(const Evidence& evidence, const std::optional<ProcessId>& runner, MonotonicTime at);
  // Judges the decode of a request that still runs. A sure verdict on a long enough one sets the state to cpu or
  // partial, and to gpu where a request's would at once; the belief waits for the request's end.
  Verdict judge_in_flight(const Evidence& evidence, const std::optional<ProcessId>& runner, MonotonicTime at);
  // Judges a runner that has loaded and not decoded yet. Nothing when that says nothing.
  std::optional<Verdict> judge_loaded(const Evidence& evidence, const ProcessId& runner, MonotonicTime at);
  // Whether the model is in memory. A state goes 15 minutes after it was last there.
  void note_resident(bool resident, MonotonicTime at);

  // State of the gauge; absent until a verdict other than unknown came. Held until contrary evidence comes:
  //   cpu or partial: one verdict with p >= 0.99, or two in a row with p >= 0.95; the first one after a load
  //   back to gpu:    three in a row, or one after a reload
  std::optional<Placement> state() const { return state_; }
  MonotonicTime since() const { return since_; }
  // Explanation of the verdict that set the state.
  const std::string& explanation() const { return explanation_; }

 private:
  void follow(const std::optional<ProcessId>& runner);
  void apply(const Verdict& verdict, MonotonicTime at);
  void set(const Verdict& verdict, MonotonicTime at);

  PlacementThresholds limits_;
  Belief prior_;
  std::optional<ProcessId> runner_;
  std::optional<Placement> state_;
  MonotonicTime since_{};
  std::string explanation_;
  Placement candidate_ = Placement::unknown;
  int in_a_row_ = 0;
  bool reloaded_ = true;
  std::optional<MonotonicTime> last_resident_;
};

}  // namespace tegrascope
