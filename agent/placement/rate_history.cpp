#include "agent/placement/rate_history.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tegrascope {
namespace {

constexpr std::size_t kFewest = 10;
constexpr std::size_t kMost = 100;
constexpr std::size_t kMostKeys = 200;
constexpr double kDeviations = 3;
// Below this share of the median no deviation is unusual: that close they lie by chance.
constexpr double kLeastDeviation = 0.02;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double median(const std::deque<double>& values) {
  return median(std::vector<double>(values.begin(), values.end()));
}

void push(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > kMost) values.pop_front();
}

}  // namespace

void RateHistory::learn(const RateKey& key, double tokens_per_second,
                        std::optional<double> joules_per_token) {
  Past& past = past_[key];
  past.used = ++uses_;
  push(past.rates, tokens_per_second);
  if (joules_per_token) push(past.joules, *joules_per_token);
  if (past_.size() <= kMostKeys) return;
  past_.erase(std::min_element(past_.begin(), past_.end(),
                               [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
}

std::optional<double> RateHistory::rate_ratio(const RateKey& key, double tokens_per_second) const {
  const auto past = past_.find(key);
  if (past == past_.end() || past->second.rates.size() < kFewest) return std::nullopt;
  const double usual = median(past->second.rates);
  return usual > 0 ? std::optional(tokens_per_second / usual) : std::nullopt;
}

std::optional<bool> RateHistory::joules_unusual(const RateKey& key, double joules_per_token) const {
  const auto past = past_.find(key);
  if (past == past_.end() || past->second.joules.size() < kFewest) return std::nullopt;
  const double usual = median(past->second.joules);
  std::vector<double> off;
  for (const double joules : past->second.joules) off.push_back(std::abs(joules - usual));
  const double deviation = std::max(median(std::move(off)), kLeastDeviation * std::abs(usual));
  return std::abs(joules_per_token - usual) > kDeviations * deviation;
}

}  // namespace tegrascope
