// A request on its way through the books.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "agent/attribution/error_budget.hpp"
#include "agent/attribution/ledger.hpp"
#include "agent/attribution/windows.hpp"

namespace tegrascope {

struct OpenRequest {
  RequestId id = 0;
  ObservedRequest seen;  // `ended` and what follows from it only once `closed`
  ModelKey model;
  std::optional<ProcessId> runner;  // whose CPU time is this request's
  std::optional<MonotonicTime> runner_began;
  bool closed = false;               // its end was reported
  RequestWindows windows;            // once closed
  std::map<Phase, Amounts> amounts;  // booked so far
  std::size_t waiting_slices = 0;    // measured slices not booked yet
  bool energy_seen = false;
  bool gpu_seen = false;
  bool gap = false;  // nothing was measured in some of its time
  // Decoded so far, as far as the witness tells, and when; ascending, thinned out where there are many.
  struct Told {
    MonotonicTime at{};
    std::int64_t tokens = 0;
  };
  std::vector<Told> told;
  bool imputed = false;      // some of its time had no sample between two changes of load
  bool shared = false;       // another request worked at the same time
  bool equal_share = false;  // and nothing better than equal parts was known
  bool finished = false;     // handed out by take_finished()
  ErrorBudget errors;
  Nanoseconds covered{};            // of its time, with power measured
  Nanoseconds unknown_time{};       // imputed, and nothing learned to stand in
  std::int64_t others_nj = 0;       // above idle, of everybody else's work while it was open
  std::int64_t ollama_nj = 0;       // above idle, of Ollama's meanwhile
  double prompt_seconds_alone = 0;  // what its prefill would have taken alone

  // The usual number of tokens that a pass of its decode reads: prompt and half the answer; absent: not told.
  std::optional<double> context() const;
  // Of its prefill; absent: not told.
  std::optional<double> prompt_tokens_per_second() const;
  std::int64_t tokens() const { return told.empty() ? 0 : told.back().tokens; }
  void tell_tokens(std::int64_t tokens, MonotonicTime at);
  // Tokens were told more than once in [begin, end): its rate there is not only that of before and after.
  bool told_between(MonotonicTime begin, MonotonicTime end) const;
  // Rate of decode in [begin, end), the mean of all its decode where nothing was told on both sides of it; absent: no
  // tokens told, or no decode.
  std::optional<double> tokens_per_second(MonotonicTime begin, MonotonicTime end) const;
};

struct PhaseAt {
  bool known = false;          // false: only the request's end can tell
  std::optional<Phase> phase;  // absent when known: not open at that time
};

PhaseAt phase_at(const OpenRequest& request, MonotonicTime t);

// Times at which the load of the board changes, as far as they are known.
template <class Visit>
void for_each_boundary(const OpenRequest& request, Visit visit) {
  visit(request.seen.started);
  if (request.seen.first_content) visit(*request.seen.first_content);
  if (request.seen.load_began && *request.seen.load_began > request.seen.started)
    visit(*request.seen.load_began);
  if (!request.closed) return;
  for (const PhaseWindow& w : request.windows.windows) visit(w.end);
}

void append_boundaries(const OpenRequest& request, std::vector<MonotonicTime>& out);

}  // namespace tegrascope
