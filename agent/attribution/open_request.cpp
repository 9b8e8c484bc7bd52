#include "agent/attribution/open_request.hpp"

namespace tegrascope {

PhaseAt phase_at(const OpenRequest& request, MonotonicTime t) {
  if (request.closed) {
    for (const PhaseWindow& w : request.windows.windows) {
      if (t >= w.begin && t < w.end) return {true, w.phase};
    }
    return {true, std::nullopt};
  }
  if (t < request.seen.started) return {true, std::nullopt};
  if (request.seen.streamed && request.seen.first_content && t >= *request.seen.first_content) {
    return {true, Phase::decode};
  }
  return {false, std::nullopt};
}

void append_boundaries(const OpenRequest& request, std::vector<MonotonicTime>& out) {
  out.push_back(request.seen.started);
  if (request.seen.first_content) out.push_back(*request.seen.first_content);
  if (!request.closed) return;
  for (const PhaseWindow& w : request.windows.windows) out.push_back(w.end);
}

}  // namespace tegrascope
