// Decides who gets the amounts of a closed slice. Pure: no state beyond its arguments.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/attribution/open_request.hpp"
#include "agent/attribution/slice.hpp"

namespace tegrascope {

struct RequestShare {
  RequestId id = 0;
  Phase phase{};
  Amounts amounts;
  bool shared = false;  // others worked in the same time
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
// share Ollama's energy, the idle energy and Ollama's GPU time equally, and each runner's CPU time goes to
// the requests it served. Waiting in the queue costs nothing. A request whose phase is still unknown counts
// as working in phase `unknown`. The result adds up to the slice exactly.
Booking book_slice(const Slice& slice, const std::map<RequestId, OpenRequest>& requests);

}  // namespace tegrascope
