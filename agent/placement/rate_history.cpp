#include "agent/placement/rate_history.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <vector>

namespace tegrascope {
namespace {

constexpr std::size_t kFewest = 10;
constexpr std::size_t kMost = 30;
constexpr std::size_t kMostKeys = 100;
constexpr const char* kRate = "gpu_decode_rate";
constexpr const char* kJoules = "gpu_decode_joules";
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

constexpr char kBetween = '|';

std::string detail_of(const RateKey& key) {
  std::array<char, 64> numbers{};
  std::snprintf(numbers.data(), numbers.size(), "%d|%d|%.0f", key.context_octave, key.power_mode,
                key.gpu_max_hertz);
  return key.digest + kBetween + key.quantization + kBetween + key.version + kBetween + numbers.data();
}

// Absent: no such text.
std::optional<RateKey> key_of(const LearnedSeries& series) {
  std::array<std::string, 6> parts;
  std::istringstream in(series.detail);
  for (std::string& part : parts) {
    if (!std::getline(in, part, kBetween)) return std::nullopt;
  }
  RateKey key{series.server, series.model, parts[0], parts[1], parts[2]};
  const auto read = [](const std::string& text, auto& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  };
  if (!read(parts[3], key.context_octave) || !read(parts[4], key.power_mode) ||
      !read(parts[5], key.gpu_max_hertz))
    return std::nullopt;
  return key;
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

bool RateHistory::is_its(const LearnedSeries& series) {
  return series.kind == kRate || series.kind == kJoules;
}

void RateHistory::save(std::vector<LearnedSeries>& out) const {
  for (const auto& [key, past] : past_) {
    const auto add = [&, &key = key](const char* kind, const std::deque<double>& values) {
      if (!values.empty())
        out.push_back(
            {kind, key.server, key.model, Phase::decode, {values.begin(), values.end()}, detail_of(key)});
    };
    add(kRate, past.rates);
    add(kJoules, past.joules);
  }
}

void RateHistory::restore(const std::vector<LearnedSeries>& series) {
  std::map<RateKey, Past> restored;
  for (const LearnedSeries& s : series) {
    const auto key = is_its(s) ? key_of(s) : std::nullopt;
    if (!key || past_.count(*key) != 0) continue;
    for (const double value : s.values) {
      if (std::isfinite(value)) push(s.kind == kRate ? restored[*key].rates : restored[*key].joules, value);
    }
  }
  // This run's own come first.
  while (!restored.empty() && past_.size() < kMostKeys) past_.insert(restored.extract(restored.begin()));
}

}  // namespace tegrascope
