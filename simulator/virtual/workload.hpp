// What the board does at one time and what it costs whom: constant until something changes, so that every
// amount is an exact product. Pure; times only grow.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "simulator/virtual/job.hpp"

namespace tegrascope::simulator {

class Workload {
 public:
  Workload(const VirtualScenario& scenario, MonotonicTime start);

  using Runners = std::map<std::string, VirtualRunner>;

  // Lets the sensors see what is drawn up to t. Changes no books, so looking more often changes no truth.
  void show(MonotonicTime t);
  // Books [last change, t) and takes the tokens off the jobs. Call before anything changes, and only then.
  void close(MonotonicTime t);
  // From now on the board does this. `loader` is the job whose model is being read; null: none.
  void compose(Runners& runners, VirtualRunner* loading, Job* loader,
               const std::vector<const ForeignJob*>& foreign);
  // Earliest time at which a job's phase is complete; MonotonicTime::max() when none is under way.
  MonotonicTime next_completion() const;
  // The die's temperature follows its power: idle power changes in steps. Call every few seconds.
  void warm_up(MonotonicTime now);
  // The job has ended: its energy no longer counts as open.
  void retire(const Job& job);

  const PowerHistory& history() const { return history_; }
  void forget_before(MonotonicTime t) { history_.forget_before(t); }
  const VirtualTruth& truth() const { return truth_; }
  VirtualTruth& truth() { return truth_; }
  // CPU seconds of everything on each core, since the start.
  const std::vector<double>& core_seconds() const { return core_seconds_; }
  double serve_cpu_seconds() const { return serve_seconds_; }
  // Now, of the memory bus.
  double bytes_per_second() const { return bytes_per_second_; }

 private:
  struct Member {
    Job* job;
    Phase phase;
    double share;  // of its part's energy above idle
  };
  struct Part {  // a runner at work, or a load
    VirtualRunner* runner;
    std::int64_t microwatts = 0;  // above idle
    double gpu = 0;
    double cores = 0;
    bool ripples = false;
    std::vector<Member> members;
  };
  // Of what slows a runner: others' turns on the GPU, others' work on the CPU, launches that wait.
  struct Sharing {
    double turn = 1;   // of those that use the GPU
    double cores = 1;  // of those that compute on the CPU
    double slows = 1;  // of decoding on the GPU
  };
  static BatchPass pass_of(const VirtualRunner& runner);
  void add_runner(VirtualRunner& runner, const BatchPass& pass, const Sharing& sharing);
  PowerPiece piece(MonotonicTime begin, MonotonicTime end) const;
  std::int64_t above_idle_microwatts() const;
  void book_cpu(double seconds);

  const double leakage_per_degree_;
  const std::int64_t ripple_microwatts_;
  const double background_cores_;
  MonotonicTime at_;        // booked up to here
  MonotonicTime shown_at_;  // in the history up to here
  std::vector<Part> parts_;
  Ripple ripple_;
  std::int64_t idle_microwatts_ = 0;
  std::int64_t foreign_microwatts_ = 0;
  double foreign_gpu_ = 0;
  double foreign_cores_ = 0;
  double bytes_per_second_ = 0;
  double heat_ = 0;  // degrees above the idle board
  MonotonicTime warmed_at_;
  Femtojoules warmed_board_ = 0;
  PowerHistory history_;
  VirtualTruth truth_;
  std::vector<double> core_seconds_;
  double serve_seconds_ = 0;
};

}  // namespace tegrascope::simulator
