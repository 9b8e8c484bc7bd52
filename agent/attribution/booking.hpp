// Decides who gets the amounts of a closed slice. Pure: no state beyond its arguments.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/attribution/open_request.hpp"
#include "agent/attribution/slice.hpp"
#include "agent/attribution/unit_costs.hpp"

namespace tegrascope {

struct RequestShare {
  RequestId id = 0;
  Phase phase{};
  Amounts amounts;
  bool shared = false;  // others worked in the same time
  bool equal = false;   // and nothing better than equal parts was known
  double part = 0;      // of the slice's energy, 0-1
  // How wrong the split may be, standard deviation in nanojoules; 0 for one that worked alone.
  double split_nj = 0;
  double prompt_seconds = 0;  // in prefill: what this much of its prompt would have taken alone
};

// A time in which only decodes of one model worked: what a pass of so many costs.
struct SeenPasses {
  ModelKey model;
  int decoders = 0;
  PassSums sums;
};

struct UnattributedShare {
  Unattributed reason{};
  std::int64_t energy_nj = 0;
  std::int64_t gpu_busy_ns = 0;
};

struct Booking {
  std::vector<RequestShare> requests;
  std::vector<UnattributedShare> unattributed;
  std::vector<SeenPasses> passes;  // of slices in which requests shared
};

// True when the slice can be shared out: a request that has it for itself has told its phase there; of several each has
// ended, because only the end tells how long the prompts were.
bool is_resolved(const Slice& slice, const std::map<RequestId, OpenRequest>& requests);

// Splits the slice at the phase edges inside it. In each piece the requests that load, prefill or decode share
// Ollama's energy, the idle energy and Ollama's GPU time:
//   decode   its tokens a second times what a token costs in a pass of so many (unit_costs.hpp)
//   prefill  what a prompt draws alone, for the part of the time in which no pass decoded
//   load     what a load draws alone
// Where one of these costs is unknown: decodes of one model by their token rates, all else equally. Each runner's CPU
// time goes to the requests it served, by the same weights. Waiting in the queue costs nothing. A request whose
// phase is still unknown counts as working in phase `unknown`. The result adds up to the slice exactly.
Booking book_slice(const Slice& slice, const std::map<RequestId, OpenRequest>& requests,
                   const UnitCosts& costs = {});

}  // namespace tegrascope
