#include "agent/attribution/unit_costs.hpp"

#include <algorithm>
#include <cmath>

namespace tegrascope {
namespace {

constexpr double kRequestsRemembered = 100;
constexpr double kPassesRemembered = 5000;
constexpr double kLeastPasses = 20;
constexpr double kLeastRequests = 8;
// Below this spread of contexts (tokens) the noise of a request tells more than its context.
constexpr double kLeastSpread = 100;
constexpr std::size_t kMaxModels = 64;

void scale(PassSums& sums, double by) {
  sums.passes *= by;
  sums.joules *= by;
  sums.seconds *= by;
  sums.context_tokens *= by;
}

}  // namespace

void ContextFit::add(double context, double joules_per_token, double weight) {
  const double keep = requests < kRequestsRemembered ? 1.0 : 1.0 - 1.0 / kRequestsRemembered;
  w = w * keep + weight;
  x = x * keep + weight * context;
  y = y * keep + weight * joules_per_token;
  xx = xx * keep + weight * context * context;
  xy = xy * keep + weight * context * joules_per_token;
  yy = yy * keep + weight * joules_per_token * joules_per_token;
  requests += 1;
}

double ContextFit::slope() const {
  if (requests < kLeastRequests || w <= 0) return 0;
  const double mx = x / w;
  const double my = y / w;
  const double spread = xx / w - mx * mx;
  if (spread < kLeastSpread * kLeastSpread) return 0;
  // Reading contexts cannot cost more than everything.
  return std::clamp((xy / w - mx * my) / spread, 0.0, mx > 0 ? my / mx : 0.0);
}

void UnitCosts::learn_decode(const ModelKey& model, double joules_per_token, double context, double tokens) {
  if (!(joules_per_token > 0) || !(tokens > 0)) return;
  if (const auto oldest = recency_.use(model, kMaxModels)) decode_.erase(*oldest);
  decode_[model].fit.add(context, joules_per_token, tokens);
}

void UnitCosts::learn_passes(const ModelKey& model, int decoders, const PassSums& seen) {
  if (decoders < 1 || !(seen.passes > 0) || !(seen.joules > 0)) return;
  if (const auto oldest = recency_.use(model, kMaxModels)) decode_.erase(*oldest);
  PassSums& sums = decode_[model].passes[decoders];
  sums.passes += seen.passes;
  sums.joules += seen.joules;
  sums.seconds += seen.seconds;
  sums.context_tokens += seen.context_tokens;
  if (sums.passes > kPassesRemembered) scale(sums, 0.5);
}

template <class Value>
std::optional<double> UnitCosts::per_pass(const DecodeCost& cost, int decoders, Value value) {
  using Known = std::pair<const int, PassSums>;
  const Known* below = nullptr;
  const Known* above = nullptr;
  for (const Known& entry : cost.passes) {
    if (entry.second.passes < kLeastPasses) continue;
    if (entry.first >= decoders) {
      above = &entry;
      break;
    }
    below = &entry;
  }
  const auto of = [&](const Known& entry) { return value(entry.second) / entry.second.passes; };
  if (above == nullptr) return below == nullptr ? std::nullopt : std::optional(of(*below));
  if (above->first == decoders || below == nullptr) return of(*above);
  const double part =
      static_cast<double>(decoders - below->first) / static_cast<double>(above->first - below->first);
  return of(*below) + part * (of(*above) - of(*below));
}

std::optional<TokenCost> UnitCosts::token_cost(const ModelKey& model, int decoders) const {
  const auto it = decode_.find(model);
  if (it == decode_.end() || decoders < 1) return std::nullopt;
  const DecodeCost& cost = it->second;
  const double slope = cost.fit.slope();
  const auto weights = per_pass(
      cost, decoders, [&](const PassSums& s) { return std::max(s.joules - slope * s.context_tokens, 0.0); });
  if (!weights) return std::nullopt;
  return TokenCost{*weights / decoders, slope, cost.fit.mean_context()};
}

std::optional<double> UnitCosts::token_joules(const ModelKey& model, int decoders,
                                              std::optional<double> context) const {
  const auto cost = token_cost(model, decoders);
  return cost ? std::optional(cost->joules(context)) : std::nullopt;
}

std::optional<double> UnitCosts::pass_seconds(const ModelKey& model, int decoders) const {
  const auto it = decode_.find(model);
  if (it == decode_.end() || decoders < 1) return std::nullopt;
  return per_pass(it->second, decoders, [](const PassSums& s) { return s.seconds; });
}

void UnitCosts::restore(const ModelKey& model, const DecodeCost& cost) {
  if (decode_.size() >= kMaxModels || decode_.count(model) != 0) return;
  recency_.use(model, kMaxModels);
  decode_.emplace(model, cost);
}

void UnitCosts::forget() {
  watts_.forget();
  decode_.clear();
  recency_.clear();
}

}  // namespace tegrascope
