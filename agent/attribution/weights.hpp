// By what requests that work at the same time share: decides weights for one stretch in which the same ones do the same.
// Pure.
//
//   decode   passes a second times what a token costs in a pass of so many (unit_costs.hpp)
//   prefill  what a prompt draws alone, for its part of the time
//   load     what a load draws alone
//
// Decode passes and prompts take turns on the GPU, so their parts of the time add up to one. A decode's part is known
// where its tokens were told meanwhile; where a stretch is too short for that, the lengths of its turns tell.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "agent/attribution/open_request.hpp"
#include "agent/attribution/unit_costs.hpp"

namespace tegrascope {

struct Worker {
  const OpenRequest* request;
  Phase phase;
};

// The stretch.
struct Steady {
  MonotonicTime begin{};
  MonotonicTime end{};
};

struct Weights {
  std::vector<double> values;
  std::vector<double> doubts;          // how wrong each may be, relative
  std::vector<double> prompt_seconds;  // of a second, those that a prefill would have taken alone
  bool equal = false;                  // for want of anything better
};

// The decodes of one model, which go through its runner together: each pass gives each of them a token.
struct Decoders {
  int count = 0;
  int told = 0;      // of them, those whose rate is known
  int followed = 0;  // and was told in the stretch
  double tokens_per_second = 0;
  double context = 0;
  bool context_known = true;

  double passes_per_second() const { return told > 0 ? tokens_per_second / told : 0.0; }
};

// The names are those of the workers' requests.
using ModelRef = std::reference_wrapper<const ModelKey>;
template <class Value>
using ByModel = std::map<ModelRef, Value, std::less<ModelKey>>;
using DecodersByModel = ByModel<Decoders>;

DecodersByModel decoders_of(const std::vector<Worker>& workers, const Steady& steady);

// One entry for each worker, at least one of which there is.
Weights weights_of(const std::vector<Worker>& workers, const Steady& steady, const DecodersByModel& decoders,
                   const UnitCosts& costs);

// Standard deviation of each part of a whole 1, when each weight may be wrong by its doubt.
std::vector<double> split_doubts(const Weights& weights);

}  // namespace tegrascope
