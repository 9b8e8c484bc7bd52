#include "agent/attribution/phase_history.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tegrascope {
namespace {

constexpr std::size_t kRemembered = 15;
constexpr std::size_t kMaxKeys = 128;

}  // namespace

void PhaseHistory::learn(const ModelKey& model, Phase phase, double value) {
  if (!(value > 0)) return;
  if (const auto oldest = recency_.use({model, phase}, kMaxKeys)) seen_.erase(*oldest);
  auto& values = seen_[{model, phase}];
  values.push_back(value);
  if (values.size() > kRemembered) values.pop_front();
}

void PhaseHistory::restore(const ModelKey& model, Phase phase, const std::vector<double>& values) {
  if (seen_.count({model, phase}) != 0) return;
  for (const double value : values) {
    if (std::isfinite(value)) learn(model, phase, value);
  }
}

std::optional<double> PhaseHistory::typical(const ModelKey& model, Phase phase) const {
  const auto it = seen_.find({model, phase});
  if (it == seen_.end() || it->second.size() < least_) return std::nullopt;
  std::vector<double> sorted(it->second.begin(), it->second.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

std::optional<double> PhaseHistory::spread(const ModelKey& model, Phase phase) const {
  const auto it = seen_.find({model, phase});
  if (it == seen_.end() || it->second.size() < least_ || it->second.size() < 2) return std::nullopt;
  const auto& values = it->second;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  double squares = 0;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  return std::sqrt(squares / (n - 1));
}

}  // namespace tegrascope
