// What a study comes to: percentiles of the relative errors, by class of request.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "agent/accuracy/study.hpp"

namespace tegrascope::accuracy {

// Relative errors |answer - truth| / truth.
struct ErrorStats {
  std::size_t count = 0;
  double p50 = 0;
  double p95 = 0;
  double bias = 0;  // mean of (answer - truth) / truth
};

// Energy with the idle share, and above idle.
struct ClassStats {
  ErrorStats energy;
  ErrorStats marginal;
  std::size_t unflagged = 0;  // answers without any reason named
};

struct Summary {
  std::size_t requests = 0;
  std::size_t missing = 0;  // no answer, or one without energy
  std::size_t faulted = 0;  // a sensor was at fault meanwhile: in no class below
  // Requests that worked alone.
  ClassStats all;
  ClassStats decode_2s;  // decoded at least 2 s
  ClassStats decode_5s;  // at least 5 s
  ClassStats decode_below_5s;
  // Requests that worked less than one sampling period.
  std::size_t shorter = 0;
  std::size_t shorter_unflagged = 0;  // without `imputed`, `short` or `no_prior`
  std::optional<double> shorter_sum_error;
  // Requests that shared at least half of their time: from the exact Shapley share.
  ErrorStats shared;
  ErrorStats gpu_busy;  // seconds, of those alone with a decode of at least 2 s
  // Share of the stated intervals that hold the truth, of all answers but those in `faulted`; absent: none stated.
  std::optional<double> coverage_95;
  std::size_t intervals = 0;
  double interval_width = 0;              // median of half the interval, relative to the answer
  std::map<char, std::size_t> qualities;  // answers by quality
  ErrorStats solo;                        // what a request would have cost alone, of those that shared
  bool conserved = false;
  double board_error = 0;            // (measured - true) / true joules of the whole board
  std::optional<double> idle_error;  // same of the idle baseline at the end
  double cpu_seconds_per_hour = 0;   // of the analysis, per simulated hour; not reproducible
};

// Joules of an answer, all phases; absent: none given.
std::optional<double> energy_joules(const Answer& answer);
std::optional<double> marginal_joules(const Answer& answer);
// What was attributed above idle without loads, as a part of what it would have cost alone; absent: not known.
std::optional<double> batch_discount(const Answer& answer);
double energy_joules_true(const Answer& answer);
double marginal_joules_true(const Answer& answer);
double gpu_busy_seconds(const Answer& answer);
double gpu_busy_seconds_true(const Answer& answer);
double decode_seconds_true(const Answer& answer);

// Several studies of one kind count as one.
Summary summarize(const std::vector<StudyResult>& studies);

}  // namespace tegrascope::accuracy
