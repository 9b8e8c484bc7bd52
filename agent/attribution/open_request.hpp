// A request on its way through the books.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "agent/attribution/ledger.hpp"
#include "agent/attribution/windows.hpp"

namespace tegrascope {

struct OpenRequest {
  RequestId id = 0;
  ObservedRequest seen;  // `ended` and what follows from it only once `closed`
  ModelKey model;
  std::optional<ProcessId> runner;   // whose CPU time is this request's
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

  std::int64_t tokens() const { return told.empty() ? 0 : told.back().tokens; }
  void tell_tokens(std::int64_t tokens, MonotonicTime at);
  // Rate of decode around [begin, end), the mean of all its decode where it was told less finely; absent: no
  // tokens told, or no decode.
  std::optional<double> tokens_per_second(MonotonicTime begin, MonotonicTime end) const;
};

struct PhaseAt {
  bool known = false;          // false: only the request's end can tell
  std::optional<Phase> phase;  // absent when known: not open at that time
};

PhaseAt phase_at(const OpenRequest& request, MonotonicTime t);

// Times at which the load of the board changes, as far as they are known. Appends to `out`.
void append_boundaries(const OpenRequest& request, std::vector<MonotonicTime>& out);

}  // namespace tegrascope
