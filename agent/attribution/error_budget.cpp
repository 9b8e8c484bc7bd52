#include "agent/attribution/error_budget.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kUnsettled = 4;
constexpr double kPairsRemembered = 2000;
// What was learned counts as much as so many pairs of the request's own.
constexpr double kWeightOfLearned = 20;
constexpr std::size_t kMaxKeys = 128;

}  // namespace

void ErrorBudget::rest_on(const SampleWeights& weights, double part, Phase phase) {
  const auto rest = [&](std::uint64_t sample, double seconds) {
    if (seconds == 0) return;
    Resting& resting = open_[sample];
    resting.seconds += seconds * part;
    resting.phase = phase;
  };
  rest(weights.left, weights.left_seconds);
  rest(weights.right, weights.right_seconds);
  while (open_.size() > kUnsettled) {
    const Resting& oldest = open_.begin()->second;
    settled_[oldest.phase] += oldest.seconds * oldest.seconds;
    open_.erase(open_.begin());
  }
}

std::map<Phase, double> ErrorBudget::sample_weights() const {
  std::map<Phase, double> all = settled_;
  for (const auto& [sample, resting] : open_) all[resting.phase] += resting.seconds * resting.seconds;
  return all;
}

void SampleNoise::learn(const ModelKey& model, Phase phase, const Roughness& seen) {
  if (seen.pairs <= 0) return;
  if (const auto oldest = recency_.use({model, phase}, kMaxKeys)) seen_.erase(*oldest);
  Sums& sums = seen_[{model, phase}];
  sums.squares += seen.squares;
  sums.pairs += seen.pairs;
  if (sums.pairs <= kPairsRemembered) return;
  sums.squares /= 2;
  sums.pairs /= 2;
}

double SampleNoise::variance(const ModelKey& model, Phase phase, const Roughness& own, double unknown) const {
  double learned = unknown;
  const auto it = seen_.find({model, phase});
  if (it != seen_.end()) {
    const Sums& sums = it->second;
    // Few pairs say little: the default counts as two.
    learned = (sums.squares + 2 * unknown) / (sums.pairs + 2);
  }
  return (own.squares + kWeightOfLearned * learned) / (own.pairs + kWeightOfLearned);
}

}  // namespace tegrascope
