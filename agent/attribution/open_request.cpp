#include "agent/attribution/open_request.hpp"

#include <algorithm>

namespace tegrascope {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostTold = 4096;  // five a second for 13 minutes

// Between what was told; absent outside.
std::optional<double> tokens_at(const std::vector<OpenRequest::Told>& told, MonotonicTime t) {
  const auto after =
      std::lower_bound(told.begin(), told.end(), t,
                       [](const OpenRequest::Told& x, MonotonicTime when) { return x.at < when; });
  if (after == told.end()) return std::nullopt;
  if (after->at == t) return static_cast<double>(after->tokens);
  if (after == told.begin()) return std::nullopt;
  const auto before = after - 1;
  const double part = to_seconds(t - before->at) / to_seconds(after->at - before->at);
  return static_cast<double>(before->tokens) + part * static_cast<double>(after->tokens - before->tokens);
}

}  // namespace

std::optional<double> OpenRequest::context() const {
  if (!seen.counts || !seen.counts->prompt_tokens) return std::nullopt;
  return static_cast<double>(*seen.counts->prompt_tokens) + static_cast<double>(tokens()) / 2;
}

std::optional<double> OpenRequest::prompt_tokens_per_second() const {
  if (!seen.counts || seen.counts->prompt_tokens.value_or(0) <= 0) return std::nullopt;
  Nanoseconds prefill{};
  for (const PhaseWindow& w : windows.windows) prefill += w.phase == Phase::prefill ? w.end - w.begin : 0ns;
  if (prefill <= 0ns) return std::nullopt;
  return static_cast<double>(*seen.counts->prompt_tokens) / to_seconds(prefill);
}

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
  if (!told.empty()) tokens = std::max(tokens, told.back().tokens);  // tokens are not taken back
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

bool OpenRequest::told_between(MonotonicTime begin, MonotonicTime end) const {
  const auto first = std::lower_bound(told.begin(), told.end(), begin,
                                      [](const Told& x, MonotonicTime when) { return x.at < when; });
  return told.end() - first >= 2 && (first + 1)->at < end;
}

std::optional<double> OpenRequest::tokens_per_second(MonotonicTime begin, MonotonicTime end) const {
  const auto from = tokens_at(told, begin);
  const auto to = tokens_at(told, end);
  if (from && to && end > begin) return (*to - *from) / to_seconds(end - begin);
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
  for_each_boundary(request, [&](MonotonicTime t) { out.push_back(t); });
}

}  // namespace tegrascope
