#include "agent/attribution/open_request.hpp"

namespace tegrascope {

using namespace std::chrono_literals;

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

std::optional<double> OpenRequest::tokens_per_second() const {
  Nanoseconds decode{};
  if (closed) {
    for (const PhaseWindow& w : windows.windows) decode += w.phase == Phase::decode ? w.end - w.begin : 0ns;
  } else if (seen.first_content) {
    decode = tokens_at - *seen.first_content;
  }
  if (tokens <= 0 || decode <= 0ns) return std::nullopt;
  return static_cast<double>(tokens) / to_seconds(decode);
}

void append_boundaries(const OpenRequest& request, std::vector<MonotonicTime>& out) {
  out.push_back(request.seen.started);
  if (request.seen.first_content) out.push_back(*request.seen.first_content);
  if (!request.closed) return;
  for (const PhaseWindow& w : request.windows.windows) out.push_back(w.end);
}

}  // namespace tegrascope
