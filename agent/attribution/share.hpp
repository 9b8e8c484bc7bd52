// Splitting integer amounts without losing or inventing a unit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tegrascope {

// Splits `total` (>= 0) in proportion to `weights` (>= 0) by largest remainder: the parts are >= 0 and add up
// to `total` exactly. Ties go to the earlier weight, so callers pass weights in an order of their own
// choosing (by id). All weights 0: equal parts. No weights: an empty result.
std::vector<std::int64_t> split_by_weight(std::int64_t total, std::span<const double> weights);

}  // namespace tegrascope
