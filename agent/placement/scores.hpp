// What each piece of evidence says, in nats relative to `gpu`: the tables of the method. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/model/request.hpp"
#include "agent/placement/evidence.hpp"
#include "agent/placement/thresholds.hpp"

namespace tegrascope {

struct Scores {
  std::vector<EvidenceScore> items;
  bool physical = false;    // valid GPU load or runner CPU is among them
  double physical_cpu = 0;  // the physical part of the sums
  double physical_partial = 0;
  std::vector<std::string> flags;  // sensor_suspect, degraded
  double cpu() const;
  double partial() const;
};

// Of what was observed and declared of a decode.
Scores score(const Evidence& evidence, const PlacementThresholds& limits);

// Of what is known of a load alone: declarations and structure.
Scores score_load(const Evidence& evidence);

}  // namespace tegrascope
