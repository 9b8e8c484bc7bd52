// Decides who gets the amounts of a closed slice. Pure: no state beyond its arguments.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/attribution/open_request.hpp"
#include "agent/attribution/phase_history.hpp"
#include "agent/attribution/slice.hpp"

namespace tegrascope {

struct RequestShare {
  RequestId id = 0;
  Phase phase{};
  Amounts amounts;
  bool shared = false;  // others worked in the same time
  bool equal = false;   // and nothing better than equal parts was known
};

struct UnattributedShare {
  Unattributed reason{};
  std::int64_t energy_nj = 0;
  std::int64_t gpu_busy_ns = 0;
};

struct Booking {
  std::vector<RequestShare> requests;
  std::vector<UnattributedShare> unattributed;
};

// True when every request open in the slice knows its phase throughout it.
bool is_resolved(const Slice& slice, const std::map<RequestId, OpenRequest>& requests);

// Splits the slice at the phase edges inside it; in each piece the requests that load, prefill or decode
// share Ollama's energy, the idle energy and Ollama's GPU time by what each would draw alone (phase_history.hpp,
// in decode times its token rate); where that is unknown, decodes of one model by their token rates, all else
// equally. Each runner's CPU time goes to the requests it served, by the same weights. Waiting in the queue
// costs nothing. A request whose phase is still unknown counts as working in phase `unknown`. The result adds
// up to the slice exactly.
Booking book_slice(const Slice& slice, const std::map<RequestId, OpenRequest>& requests,
                   const UnitCosts& costs = {});

}  // namespace tegrascope
