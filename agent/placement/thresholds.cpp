#include "agent/placement/thresholds.hpp"

#include <cstdio>

namespace tegrascope {
namespace {

std::string short_number(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%g", value);
  return out;
}

}  // namespace

std::string problem_of(const PlacementThresholds& t) {
  struct Range {
    const char* name;
    double value;
    double low;
    double high;
    const char* rule;
  };
  const Range ranges[] = {
      {"verdict-probability", t.verdict_probability, 0.5, 0.9999, "from 0.5 to 0.9999"},
      {"raise-at-once", t.raise_at_once, t.verdict_probability, 1, "from verdict-probability to 1"},
      {"min-tokens", static_cast<double>(t.min_tokens), 1, 1e9, "at least 1"},
      {"min-gpu-samples", static_cast<double>(t.min_gpu_samples), 1, 1e9, "at least 1"},
      {"cores-grey", t.cores_grey, t.cores_idle, 1e3, "cores-idle or more"},
      {"cores-idle", t.cores_idle, 0.01, 1e3, "more than 0"},
      {"cores-most-share", t.cores_most_share, 0.01, 1, "from 0.01 to 1"},
      {"load-silent", t.load_silent, 0, t.load_half, "from 0 to load-half"},
      {"load-half", t.load_half, 0, t.load_high, "from load-silent to load-high"},
      {"load-high", t.load_high, 0, 1, "from load-half to 1"},
      {"rate-slow", t.rate_slow, 0, t.rate_usual, "from 0 to rate-usual"},
      {"rate-usual", t.rate_usual, 0, 10, "from rate-slow to 10"},
      {"rate-min-tokens", static_cast<double>(t.rate_min_tokens), 2, 1e9, "at least 2"},
      {"raise-in-a-row", static_cast<double>(t.raise_in_a_row), 1, 1000, "from 1 to 1000"},
      {"clear-in-a-row", static_cast<double>(t.clear_in_a_row), 1, 1000, "from 1 to 1000"},
  };
  for (const Range& r : ranges) {
    if (!(r.value >= r.low && r.value <= r.high))
      return std::string(r.name) + " is " + short_number(r.value) + ": must be " + r.rule;
  }
  return {};
}

}  // namespace tegrascope
