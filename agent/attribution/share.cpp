#include "agent/attribution/share.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tegrascope {

std::vector<std::int64_t> split_by_weight(std::int64_t total, std::span<const double> weights) {
  const std::size_t n = weights.size();
  std::vector<std::int64_t> parts(n, 0);
  if (n == 0 || total <= 0) return parts;
  if (n == 1) {
    parts[0] = total;
    return parts;
  }

  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> remainder(n);
  std::int64_t given = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double fraction = sum > 0 ? weights[i] / sum : 1.0 / static_cast<double>(n);
    const double exact = static_cast<double>(total) * fraction;
    // Rounding of a double above 2^53 must not hand out more than there is.
    parts[i] = std::min(static_cast<std::int64_t>(std::floor(exact)), total - given);
    remainder[i] = exact - std::floor(exact);
    given += parts[i];
  }

  // Each of the largest remainders gets one more; only where a double cannot hold the amount exactly is there more to give.
  std::int64_t left = total - given;
  if (left <= 0) return parts;
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto larger = [&](std::size_t a, std::size_t b) {
    return remainder[a] != remainder[b] ? remainder[a] > remainder[b] : a < b;
  };
  const std::size_t favoured = std::min(n, static_cast<std::size_t>(left));
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(favoured) - 1, order.end(),
                   larger);
  for (std::size_t i = 0; i < favoured; ++i, --left) ++parts[order[i]];
  if (left > 0) parts[*std::min_element(order.begin(), order.end(), larger)] += left;
  return parts;
}

}  // namespace tegrascope
