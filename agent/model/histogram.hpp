// A fixed-bucket histogram as Prometheus counts it, and the bucket edges of every histogram the agent keeps.
// Edges are part of the public contract: changing them breaks `sum by (le)` across versions.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tegrascope {

// Seconds between content chunks, and seconds per output token. Chosen on 185 published Jetson decode rates
// so that 1, 2, 3, 4, 5, 8, 10, 16, 20, 25, 40, 50, 100 and 200 token/s are edges.
inline constexpr std::array kInterTokenEdges{0.0025, 0.005, 0.0075, 0.01,  0.0125, 0.015, 0.02, 0.025,
                                             0.03,   0.035, 0.04,   0.05,  0.0625, 0.075, 0.1,  0.125,
                                             0.15,   0.2,   0.25,   0.333, 0.5,    0.75,  1.0,  2.5};
inline constexpr std::array kFirstTokenEdges{0.05, 0.1, 0.2, 0.3, 0.5,  0.75, 1.0,  1.5,  2.0,
                                             3.0,  5.0, 7.5, 10., 15.0, 20.0, 30.0, 60.0, 120.0};
inline constexpr std::array kRequestDurationEdges{0.1,  0.25,  0.5,   1.0,   2.0,   3.0,   5.0,
                                                  7.5,  10.0,  15.0,  20.0,  30.0,  45.0,  60.0,
                                                  90.0, 120.0, 180.0, 300.0, 600.0, 1200.0};
inline constexpr std::array kJoulesPerTokenEdges{0.02, 0.05, 0.1, 0.15, 0.2, 0.3,  0.5,  0.75,
                                                 1.0,  1.5,  2.0, 3.0,  5.0, 10.0, 20.0, 50.0};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(std::span<const double> edges) : edges_(edges), counts_(edges.size() + 1) {}
  // What another one held: `counts` per bucket, the last is +Inf; those missing are 0.
  Histogram(std::span<const double> edges, std::vector<std::uint64_t> counts, double sum)
      : edges_(edges), counts_(std::move(counts)), sum_(sum) {
    counts_.resize(edges.size() + 1);
    for (const std::uint64_t n : counts_) count_ += n;
  }

  // Value <= edge falls into that edge's bucket; the last bucket is +Inf.
  void observe(double value) {
    const auto it = std::lower_bound(edges_.begin(), edges_.end(), value);
    ++counts_[static_cast<std::size_t>(it - edges_.begin())];
    sum_ += value;
    ++count_;
  }
  // Adds what `other` holds; both must have the same edges.
  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size() && i < other.counts_.size(); ++i)
      counts_[i] += other.counts_[i];
    sum_ += other.sum_;
    count_ += other.count_;
  }
  void clear() {
    std::fill(counts_.begin(), counts_.end(), 0);
    sum_ = 0;
    count_ = 0;
  }

  std::span<const double> edges() const { return edges_; }
  const std::vector<std::uint64_t>& counts() const {
    return counts_;
  }  // per bucket, not cumulative; last is +Inf
  double sum() const { return sum_; }
  std::uint64_t count() const { return count_; }

 private:
  std::span<const double> edges_;  // points at one of the constants above
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace tegrascope
