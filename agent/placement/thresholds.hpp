// The numbers by which placement is judged. Defaults are the method's; a user rarely turns them.
#pragma once

#include <cstdint>

#include "agent/model/time.hpp"

namespace tegrascope {

struct PlacementThresholds {
  double verdict_probability = 0.95;  // below it the verdict is `unknown`

  // A decode that is shorter proves nothing.
  Nanoseconds min_decode = std::chrono::seconds(1);
  std::int64_t min_tokens = 16;
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

  // The gauge.
  double raise_at_once = 0.99;                                    // one verdict as sure as this raises
  int raise_in_a_row = 2;                                         // or so many
  int clear_in_a_row = 3;                                         // back to gpu; one after a reload
  Nanoseconds in_flight_after = std::chrono::milliseconds(1350);  // of decode: first look at a running answer
  Nanoseconds in_flight_raise = std::chrono::seconds(8);          // of decode: a running answer may raise
  Nanoseconds opaque_raise = std::chrono::seconds(10);  // where the phase of a running answer is not known
  Nanoseconds hold_after_unload = std::chrono::minutes(15);  // then the gauge of a model that is gone goes
};

}  // namespace tegrascope
