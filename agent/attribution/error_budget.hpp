// How wrong the energy of one request may be: what each known source of error contributes (attribution method 2.8).
// Pure.
//
// Independent of each other, so their squares add up:
//   samples   each is a look of a millisecond at a power that ripples; the energy rests on it for some seconds
//   guesses   stretches without a sample, whose power stands in
//   split     requests at the same time, other work on the board: all one way within a request
//   edges     begin and end are known to some milliseconds: the power between belongs to the neighbour
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "agent/attribution/ledger.hpp"
#include "agent/attribution/recency.hpp"
#include "agent/attribution/sample_curve.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

class ErrorBudget {
 public:
  // A part of a slice, 0-1, was booked to the request; `phase` is what it did then.
  void rest_on(const SampleWeights& weights, double part, Phase phase);
  void guess(double joules) { guessed_ += joules; }
  void split(double joules) { split_ += joules; }

  // Seconds squared by phase: times a sample's variance in watts squared they are joules squared.
  std::map<Phase, double> sample_weights() const;
  double guessed_joules() const { return guessed_; }
  double split_joules() const { return split_; }

 private:
  struct Resting {
    double seconds = 0;
    Phase phase{};
  };
  // A sample is settled once three newer ones have come: neighbouring slices rest on the same two.
  std::map<std::uint64_t, Resting> open_;
  std::map<Phase, double> settled_;
  double guessed_ = 0;
  double split_ = 0;
};

// What one sample strays from the mean around it, by model and phase. Older ones fade.
class SampleNoise {
 public:
  void learn(const ModelKey& model, Phase phase, const Roughness& seen);
  // Variance in watts squared; `own` is what the request itself shows, `unknown` what to take where nothing else is
  // known.
  double variance(const ModelKey& model, Phase phase, const Roughness& own, double unknown) const;

 private:
  struct Sums {
    double squares = 0;
    double pairs = 0;
  };
  std::map<std::pair<ModelKey, Phase>, Sums> seen_;
  Recency<std::pair<ModelKey, Phase>> recency_;
};

}  // namespace tegrascope
