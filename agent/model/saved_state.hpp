// What outlives a run of the agent: the lifetime ledger and what was learned. Plain values; wall-clock time appears
// here because monotonic time ends with the boot.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/reading.hpp"
#include "agent/model/request.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

// (server, model)
using AccountName = std::pair<std::string, std::string>;

// Books since the first start, or since this run's. In nanojoules and nanoseconds, exactly:
//
//   measured = attributed + unattributed + interrupted + pending        (energy, and GPU time)
//
// cpu_ns and idle_energy_nj of the accounts take no part in that.
struct Books {
  // What a slice of time holds of the two amounts that are conserved.
  struct Pair {
    std::int64_t energy_nj = 0;
    std::int64_t gpu_busy_ns = 0;
    Pair& operator+=(const Pair& o) {
      energy_nj += o.energy_nj;
      gpu_busy_ns += o.gpu_busy_ns;
      return *this;
    }
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  bool energy_known = false;  // a power sensor has ever covered any of it
  bool gpu_known = false;
  Pair measured;
  Pair pending;
  // Was pending when a run ended: whose it would have been only the end of requests could have told.
  Pair interrupted;
  std::map<Unattributed, Pair> unattributed;
  std::map<AccountName, std::map<Phase, Amounts>> attributed;

  Pair attributed_sum() const;
  Pair unattributed_sum() const;
  // The equation above holds, and no amount is below zero.
  bool conserved() const;
  friend bool operator==(const Books&, const Books&) = default;
};

// Most accounts that a lifetime keeps apart; further models of a server go to its account "other".
inline constexpr std::size_t kMaxLifetimeAccounts = 512;

// The books of an ended run as those of the next begin: what was pending is interrupted.
Books carried_over(Books ended);
// Lifetime so far: what was carried over and this run's books.
Books sum_of(const Books& carried, const Books& run);
// More than half of what 64 bits hold (19 years at 15 W, two at 130 W): a new ledger has to begin.
bool is_full(const Books& books);

// Idle power of the board under one key, as it was last known.
struct LearnedBaseline {
  std::optional<int> power_mode;  // of the key, as in IdleKey
  std::optional<bool> clocks_locked;
  std::optional<bool> model_resident;
  std::optional<int> temperature_decade;
  double watts = 0;
  std::int64_t age_ns = 0;  // since the last idle slice, at the time the state was taken
  friend bool operator==(const LearnedBaseline&, const LearnedBaseline&) = default;
};

// What one phase of one model taught; `values` are the last ones, oldest first, or the sums of a fit, as its kind says.
struct LearnedSeries {
  std::string kind;  // as in agent/attribution/learned.cpp and agent/placement/rate_history.cpp
  std::string server;
  std::string model;
  Phase phase{};
  std::vector<double> values;
  std::string detail{};  // what more they hold for, in words of their kind
  friend bool operator==(const LearnedSeries&, const LearnedSeries&) = default;
};

struct LearnedState {
  std::vector<LearnedBaseline> baselines;
  double idle_cores = 0;          // busy on the idle board
  std::optional<int> power_mode;  // in which the series were learned
  std::optional<bool> clocks_locked;
  std::vector<LearnedSeries> series;
  friend bool operator==(const LearnedState&, const LearnedState&) = default;
};

struct SavedState {
  std::int64_t first_start_unix_s = 0;  // when the books began
  std::int64_t saved_unix_s = 0;
  Books books;  // since then, pending included
  LearnedState learned;
  BoardIdentity board;  // on which it was learned
};

// What of `learned` holds on `board` at `now`: nothing on another board, L4T or kernel, or when the clock is behind
// the time of saving; baselines for a day since their last idle slice, series for 30 days.
LearnedState still_valid(const SavedState& saved, const BoardIdentity& board, std::int64_t now_unix_s);

// Whether the lifetime is kept, for /api/v1/ledger and the metrics.
struct StorageView {
  bool up = false;            // the last read or write worked
  std::string error;          // why not, and what to do; empty when up
  std::uint64_t commits = 0;  // since the agent started
  std::int64_t first_start_unix_s = 0;
  std::int64_t saved_unix_s = 0;  // of the last commit; 0: none yet
};

}  // namespace tegrascope
