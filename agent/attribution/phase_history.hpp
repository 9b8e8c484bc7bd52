// What the phases of a model were like in requests that had the board for themselves: the median of the last
// ones. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agent/attribution/ledger.hpp"
#include "agent/attribution/recency.hpp"

namespace tegrascope {

class PhaseHistory {
 public:
  // Says nothing before it has seen `least` requests.
  explicit PhaseHistory(std::size_t least) : least_(least) {}

  // Values that are not above zero teach nothing.
  void learn(const ModelKey& model, Phase phase, double value);
  std::optional<double> typical(const ModelKey& model, Phase phase) const;
  // Standard deviation of a single value; absent where typical() is.
  std::optional<double> spread(const ModelKey& model, Phase phase) const;
  void forget() {
    seen_.clear();
    recency_.clear();
  }

  using Values = std::deque<double>;
  const std::map<std::pair<ModelKey, Phase>, Values>& seen() const { return seen_; }
  // Takes in what an earlier run had seen, oldest first, where this one has seen nothing yet.
  void restore(const ModelKey& model, Phase phase, const std::vector<double>& values);

 private:
  std::size_t least_;
  std::map<std::pair<ModelKey, Phase>, Values> seen_;
  Recency<std::pair<ModelKey, Phase>> recency_;
};

// Mean watts of the board, which stand in for phases too short to be sampled (attribution method 2.3).
class PhasePower : public PhaseHistory {
 public:
  PhasePower() : PhaseHistory(2) {}
};

}  // namespace tegrascope
