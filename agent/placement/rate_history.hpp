// How fast and at what cost a model decoded on the GPU before, under the same conditions (E3 and E8). Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/saved_state.hpp"

namespace tegrascope {

// What a rate depends on. Unknown parts are empty or 0.
struct RateKey {
  std::string server;
  std::string model;
  std::string digest;
  std::string quantization;
  std::string version;     // of the server
  int context_octave = 0;  // log2 of the tokens in context
  int power_mode = -1;     // nvpmodel
  double gpu_max_hertz = 0;
  friend auto operator<=>(const RateKey&, const RateKey&) = default;
};

class RateHistory {
 public:
  // A request that was judged to have run on the GPU, undisturbed.
  void learn(const RateKey& key, double tokens_per_second, std::optional<double> joules_per_token);

  // Rate relative to the median; absent below ten earlier requests.
  std::optional<double> rate_ratio(const RateKey& key, double tokens_per_second) const;
  // More than three median absolute deviations from the median; absent below ten earlier requests.
  std::optional<bool> joules_unusual(const RateKey& key, double joules_per_token) const;

  // As series of kinds `gpu_decode_rate` (tokens per second) and `gpu_decode_joules` (per token).
  void save(std::vector<LearnedSeries>& out) const;
  // Takes those out of `series` where nothing was learned under their key yet. Others are left alone.
  void restore(const std::vector<LearnedSeries>& series);
  static bool is_its(const LearnedSeries& series);

 private:
  struct Past {
    std::deque<double> rates;
    std::deque<double> joules;
    std::uint64_t used = 0;
  };
  std::map<RateKey, Past> past_;
  std::uint64_t uses_ = 0;
};

}  // namespace tegrascope
