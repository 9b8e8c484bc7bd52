// The numbers by which placement is judged. Defaults are the method's; a user rarely turns them.
#pragma once

#include <cstdint>
#include <string>

#include "agent/model/time.hpp"

namespace tegrascope {

struct PlacementThresholds {
  double verdict_probability = 0.95;  // below it the verdict is `unknown`

  // A decode that is shorter proves nothing.
  Nanoseconds min_decode = std::chrono::seconds(1);
  std::int64_t min_tokens = 8;
  int min_gpu_samples = 5;

  // Columns of the joint table: cores of the runner; `most` is a share of its threads.
  double cores_idle = 1.3;
  double cores_grey = 1.6;
  double cores_most_share = 0.6;
  // Rows: GPU load in decode.
  double load_silent = 0.05;
  double load_half = 0.55;
  double load_high = 0.75;

  // Rate against the model's own history.
  double rate_slow = 0.6;
  double rate_usual = 0.8;
  std::int64_t rate_min_tokens = 16;  // the rate of fewer tells nothing

  // The gauge.
  double raise_at_once = 0.99;                                    // one verdict as sure as this raises
  int raise_in_a_row = 2;                                         // or so many
  int clear_in_a_row = 3;                                         // back to gpu; one after a reload
  Nanoseconds in_flight_after = std::chrono::milliseconds(1350);  // of decode: first look at a running answer
  Nanoseconds in_flight_raise = std::chrono::seconds(8);          // of decode: a running answer may raise
  Nanoseconds opaque_raise = std::chrono::seconds(10);  // where the phase of a running answer is not known
  Nanoseconds hold_after_unload = std::chrono::minutes(15);  // then the gauge of a model that is gone goes
};

// Calls f(name, value, help) for each, in one order: configuration, recordings and their tests go through it.
template <class Thresholds, class F>
void for_each_threshold(Thresholds& t, F&& f) {
  f("verdict-probability", t.verdict_probability, "Least probability of a verdict; below it is unknown");
  f("min-decode", t.min_decode, "A shorter decode has no verdict");
  f("min-tokens", t.min_tokens, "A decode of fewer tokens has no verdict");
  f("min-gpu-samples", t.min_gpu_samples, "With fewer samples the GPU load of a decode tells nothing");
  f("cores-idle", t.cores_idle, "Up to so many cores the runner waits for the GPU");
  f("cores-grey", t.cores_grey, "From so many cores on it computes itself");
  f("cores-most-share", t.cores_most_share, "From this share of its threads on it computes all itself");
  f("load-silent", t.load_silent, "GPU load in a decode that is below this: nothing runs there");
  f("load-half", t.load_half, "GPU load below this: at most part of the model runs there");
  f("load-high", t.load_high, "GPU load from this on: all of it may run there");
  f("rate-slow", t.rate_slow, "Tokens per second, of the model's usual rate, below which it is slow");
  f("rate-usual", t.rate_usual, "Above which it is as usual");
  f("rate-min-tokens", t.rate_min_tokens, "The rate of fewer tokens tells nothing");
  f("raise-at-once", t.raise_at_once, "One verdict of this probability sets the gauge");
  f("raise-in-a-row", t.raise_in_a_row, "Or so many verdicts in a row");
  f("clear-in-a-row", t.clear_in_a_row, "So many in a row set it back to gpu; one after a reload");
  f("in-flight-after", t.in_flight_after, "Decode after which a running answer is judged");
  f("in-flight-raise", t.in_flight_raise, "Decode after which a running answer may set the gauge");
  f("opaque-raise", t.opaque_raise, "The same where its phase is not known");
  f("hold-after-unload", t.hold_after_unload, "How long the gauge of a model that is gone stays");
}

// The first that is out of its range or order, as "load-half is 0.9: must be ..."; empty: all are well.
std::string problem_of(const PlacementThresholds& thresholds);

}  // namespace tegrascope
