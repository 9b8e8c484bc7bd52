// Joins what the board did with what the requests were doing. Pure: times come with the data, nothing here
// reads a clock, a file or a socket. One thread at a time.
//
// Time is cut into slices at every sample and every known phase edge. A slice closes once it lies behind the
// watermark; its amounts go to the integer ledger at once and never change. Who gets them is decided when
// every request open in the slice has told its phase there: a running stream after its first content,
// everything else at its end, after ten minutes in phase `unknown`. Until then they are pending.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/attribution/baseline.hpp"
#include "agent/attribution/ledger.hpp"
#include "agent/attribution/open_request.hpp"
#include "agent/attribution/phase_history.hpp"
#include "agent/attribution/sensors.hpp"
#include "agent/attribution/slice.hpp"
#include "agent/attribution/unit_costs.hpp"
#include "agent/model/saved_state.hpp"

namespace tegrascope {

struct AttributionOptions {
  SensorOptions sensors;
  // What a busy GPU second and a busy core second cost relative to each other, in joules; only their ratio
  // matters. They split the energy above idle between Ollama and everything else.
  double gpu_joules_per_busy_second = 5.0;
  double cpu_joules_per_core_second = 0.9;
  // Events may report the past: a busy runner is noticed up to two idle sampling intervals late.
  Nanoseconds hold_idle = std::chrono::seconds(2);
  Nanoseconds hold_busy = std::chrono::milliseconds(300);
  Nanoseconds unresolved_limit = std::chrono::minutes(10);
  std::size_t max_pending_slices = 20000;
  int cores = 1;  // online CPU cores
  // Relative error of the power sensor's gain that intervals are to hold, standard deviation. 0: intervals are
  // relative to the sensor, whose calibration nobody here can check.
  double power_gain_error = 0;
  // False interpolates power across phase edges, as a plain trapezoid does: only to show what that costs.
  bool hold_power_at_edges = true;
  // Phases too short to be sampled take what the model usually draws in them. Off: the neighbours' mean.
  bool learn_phase_power = true;
};

class Attribution {
 public:
  explicit Attribution(const AttributionOptions& options);

  // Readings; see Sensors for what each means.
  Sensors& sensors() { return sensors_; }
  const Sensors& sensors() const { return sensors_; }

  // What the idle power depends on, from now on. Other clocks make what was learned of the models void.
  void set_idle_key(const IdleKey& key);

  // Requests. A request that was never opened is ignored. One that is opened late, even after its end, takes
  // part in the slices that still wait.
  void open(RequestId id, const ObservedRequest& seen, const ModelKey& model);
  void describe(RequestId id, const ModelKey& model, bool streamed);
  // `began`: when that process was started; absent where nobody tells.
  void set_runner(RequestId id, const ProcessId& runner, std::optional<MonotonicTime> began = std::nullopt);
  // It was another model's.
  void clear_runner(RequestId id);
  void set_first_content(RequestId id, MonotonicTime at);
  // Tokens decoded since its beginning.
  void set_tokens(RequestId id, std::int64_t tokens, MonotonicTime at);
  void close(RequestId id, const ObservedRequest& seen);
  // Forgets a request as if it had never been opened (a weaker witness saw what a stronger one reports).
  void discard(RequestId id);

  // Closes what lies behind the watermark, books what is resolved.
  void advance(MonotonicTime now);

  struct Finished {
    RequestId id = 0;
    RequestWindows windows;
    std::map<Phase, Amounts> amounts;  // complete only in take_booked()
    bool energy_known = false;
    bool gpu_known = false;
    // What its decode and prefill would have cost alone, joules above idle; absent while that is not learned.
    std::optional<double> solo_joules;
    // As in RequestRecord; final in take_booked().
    std::optional<std::pair<std::int64_t, std::int64_t>> energy_interval_nj;
    char quality = 'D';
    // gap, shared, equal_share, other_work, imputed, no_prior, short, few_samples, no_idle_baseline, no_power,
    // clock_mismatch, no_durations, load_not_split, incomplete
    std::vector<std::string> reasons;
    DecodeEvidence decode;  // without output_tokens and runner_threads
  };
  // Requests whose end now lies behind the watermark: their evidence is complete. Each is handed out once.
  std::vector<Finished> take_finished();
  // Requests whose amounts are final. Each is handed out once, after take_finished().
  std::vector<Finished> take_booked();

  // What the hardware did in [begin, end), without output_tokens and runner_threads. The part of it that lies before
  // position() is measured.
  DecodeEvidence evidence_over(const std::optional<ProcessId>& runner, MonotonicTime begin,
                               MonotonicTime end) const;

  const Ledger& ledger() const { return ledger_; }
  // As Ledger::forget(); a request of that model still open books to a new account.
  void forget(const ModelKey& model) { ledger_.forget(model); }
  // What outlives a run. restore() before the first advance(); series are taken in once the power mode and the
  // clocks are those in which they were learned.
  LearnedState learned(MonotonicTime now) const;
  void restore(const LearnedState& learned, MonotonicTime now);

  std::optional<double> idle_watts() const { return baseline_.watts(idle_key_, position_); }
  MonotonicTime position() const { return position_; }

  // Of the time up to position(): covered by power readings, and not. The two add up to all of it.
  struct Coverage {
    Nanoseconds measured{};
    Nanoseconds gap{};
    std::uint64_t slices = 0;
  };
  const Coverage& coverage() const { return coverage_; }

 private:
  MonotonicTime watermark(MonotonicTime now) const;
  MonotonicTime cut_after(MonotonicTime from, MonotonicTime limit) const;
  void note_boundaries(const OpenRequest& request);
  static void enter(Slice& slice, OpenRequest& request);
  struct StandIn {
    double watts = 0;
    double error_watts = 0;  // standard deviation
  };
  std::optional<StandIn> stand_in(MonotonicTime t) const;
  void recut(OpenRequest& request);
  void note_again(OpenRequest& request);
  void runner_changed(OpenRequest& request);
  bool load_of_another(const OpenRequest& request) const;
  void note_timing(const OpenRequest& request);
  void close_slice(MonotonicTime begin, MonotonicTime end);
  static void note_slice(const Slice& slice, OpenRequest& request);
  double other_cores(MonotonicTime begin, MonotonicTime end) const;
  void split_activity(Slice& slice, std::int64_t energy_nj, std::int64_t gpu_ns);
  void learn_baseline(const Slice& slice);
  void book(const Slice& slice);
  struct LedgerEntry {
    const ModelKey* model = nullptr;
    Phase phase{};
    Amounts amounts;
  };
  void enter(const LedgerEntry& entry);
  void learn(const OpenRequest& request);
  void learn_cost(const OpenRequest& request, const PhaseWindow& window);
  void adopt_restored();
  std::optional<double> solo_joules(const OpenRequest& request) const;
  void book_resolved(MonotonicTime now);
  void collect_finished();
  Finished describe_finished(const OpenRequest& request) const;
  void find_decode(const OpenRequest& request, Finished& out) const;
  std::vector<std::string> reasons_of(const OpenRequest& request) const;
  double energy_variance(const OpenRequest& request, double joules) const;
  void rate(const OpenRequest& request, Finished& out) const;

  AttributionOptions options_;
  Sensors sensors_;
  IdleBaseline baseline_;
  UnitCosts costs_;
  PhasePower phase_power_;
  SampleNoise noise_;
  double timing_squares_ = 0;  // of how far two sightings of one edge lie apart, seconds squared
  double timings_ = 0;
  std::optional<LearnedState> restored_;  // series that wait for their power mode
  IdleKey idle_key_;
  double idle_cores_ = 0;  // busy on the idle board
  Ledger ledger_;
  std::map<RequestId, OpenRequest> requests_;
  std::vector<MonotonicTime> boundaries_;  // sorted
  std::deque<Slice> pending_;
  std::size_t examined_ = 0;  // of them, from the front, that wait for news
  bool news_ = false;         // of a request, since the last advance
  std::vector<Finished> finished_;
  std::vector<Finished> booked_;
  MonotonicTime position_{};  // everything before it is closed
  MonotonicTime begun_{};     // nothing before it is measured: the agent was not there
  bool started_ = false;
  std::optional<MonotonicTime> last_active_;  // end of the last slice with a request open
  double energy_carry_nj_ = 0;                // rounding left over, so that the sum never drifts
  double gpu_carry_ns_ = 0;
  Coverage coverage_;
};

}  // namespace tegrascope
