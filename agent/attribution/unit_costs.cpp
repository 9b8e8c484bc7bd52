#include "agent/attribution/unit_costs.hpp"

#include <algorithm>
#include <vector>

namespace tegrascope {
namespace {

constexpr std::size_t kRemembered = 15;
constexpr std::size_t kLeast = 2;
constexpr std::size_t kMaxKeys = 128;

}  // namespace

void UnitCosts::learn(const ModelKey& model, Phase phase, double joules, double units) {
  if (units <= 0 || joules <= 0 || (phase != Phase::decode && phase != Phase::prefill)) return;
  if (seen_.size() >= kMaxKeys && seen_.count({model, phase}) == 0) return;
  auto& costs = seen_[{model, phase}];
  costs.push_back(joules / units);
  if (costs.size() > kRemembered) costs.pop_front();
}

std::optional<double> UnitCosts::joules_per_unit(const ModelKey& model, Phase phase) const {
  const auto it = seen_.find({model, phase});
  if (it == seen_.end() || it->second.size() < kLeast) return std::nullopt;
  std::vector<double> sorted(it->second.begin(), it->second.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

}  // namespace tegrascope
