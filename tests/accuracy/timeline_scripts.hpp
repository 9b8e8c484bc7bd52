// A random timeline as a script that can be changed and played again: samples, requests, and when the books are looked at.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/attribution/attribution.hpp"

namespace tegrascope::accuracy {

struct Sample {
  MonotonicTime at{};
  double watts = 0;
  double gpu = 0;
  Nanoseconds runner_cpu{};
  Nanoseconds total_cpu{};
};

struct Asked {
  RequestId id = 0;
  ObservedRequest seen;
  ModelKey model;
  std::int64_t tokens = 0;
  bool ends = true;                   // its end is reported
  Nanoseconds late{};                 // so much later
  std::optional<MonotonicTime> gone;  // taken back then
};

struct Script {
  AttributionOptions options;
  std::vector<Sample> samples;
  std::vector<Asked> requests;
  std::vector<MonotonicTime> looks;  // when the books are advanced
  MonotonicTime end{};
};

struct Played {
  std::map<RequestId, Amounts> requests;
  std::map<RequestId, Nanoseconds> windows;
  LedgerView totals;
  Accounts accounts;
  Attribution::Coverage coverage;
  Nanoseconds elapsed{};
  bool balanced = true;
  std::uint64_t slices = 0;
};

// The same script for the same seed.
Script make_script(std::uint64_t seed);

// What the books say of it in the end.
Played play(const Script& script);

}  // namespace tegrascope::accuracy
