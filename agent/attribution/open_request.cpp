#include "agent/attribution/open_request.hpp"

#include <algorithm>

namespace tegrascope {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostTold = 4096;  // five a second for 13 minutes

}  // namespace

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

void OpenRequest::tell_tokens(std::int64_t tokens, MonotonicTime at) {
  if (!told.empty() && at <= told.back().at) {
    told.back().tokens = tokens;
    return;
  }
  if (told.size() == kMostTold) {
    for (std::size_t i = 1; 2 * i < told.size(); ++i) told[i] = told[2 * i];
    told.resize(kMostTold / 2);
  }
  told.push_back({at, tokens});
}

std::optional<double> OpenRequest::tokens_per_second(MonotonicTime begin, MonotonicTime end) const {
  const auto after = std::lower_bound(told.begin(), told.end(), end,
                                      [](const Told& t, MonotonicTime when) { return t.at < when; });
  auto before = std::upper_bound(told.begin(), told.end(), begin,
                                 [](MonotonicTime when, const Told& t) { return when < t.at; });
  if (after != told.end() && before != told.begin()) {
    --before;
    if (after->at > before->at)
      return static_cast<double>(after->tokens - before->tokens) / to_seconds(after->at - before->at);
  }
  Nanoseconds decode{};
  if (closed) {
    for (const PhaseWindow& w : windows.windows) decode += w.phase == Phase::decode ? w.end - w.begin : 0ns;
  } else if (seen.first_content && !told.empty()) {
    decode = told.back().at - *seen.first_content;
  }
  if (tokens() <= 0 || decode <= 0ns) return std::nullopt;
  return static_cast<double>(tokens()) / to_seconds(decode);
}

void append_boundaries(const OpenRequest& request, std::vector<MonotonicTime>& out) {
  out.push_back(request.seen.started);
  if (request.seen.first_content) out.push_back(*request.seen.first_content);
  if (!request.closed) return;
  for (const PhaseWindow& w : request.windows.windows) out.push_back(w.end);
}

}  // namespace tegrascope
