// What work costs when nothing else runs, learned from requests that had the board for themselves: joules
// above idle per decoded token and per second of prefill, of each model. Pure.
//
// Requests that work at the same time share their energy by what each would have drawn alone
// (attribution method 2.6). Prefill goes by seconds, because with a prompt cache nobody tells how many
// tokens were evaluated.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "agent/attribution/ledger.hpp"

namespace tegrascope {

class UnitCosts {
 public:
  // `units`: tokens (decode) or seconds (prefill); other phases are not learned.
  void learn(const ModelKey& model, Phase phase, double joules, double units);

  // Median joules per unit of the last requests; absent until two were seen.
  std::optional<double> joules_per_unit(const ModelKey& model, Phase phase) const;

 private:
  std::map<std::pair<ModelKey, Phase>, std::deque<double>> seen_;
};

}  // namespace tegrascope
