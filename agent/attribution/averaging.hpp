// Undoes the running average of a power sensor. Pure; any thread.
//
// The INA3221 averages recursively: with N samples each cycle makes new = old + (x - old) / N (TI SBOS576), a
// first-order low pass with the time constant tau = N x cycle, 3.6 s with N = 512. The power that went in is
// x = y + tau dy/dt, so the energy of [a, b] is
//
//     E[a, b] = integral of y + tau (y(b) - y(a))
//
// exactly, whatever x did in between. Over a request that is the difference between right and seconds late.
// The price is noise: one step of the converter (40 mW) weighs tau / (b - a) as much in the power of an
// interval; it cancels out in sums, because the second term telescopes.
#pragma once

#include "agent/model/time.hpp"

namespace tegrascope {

// Mean power that went into the average between two consecutive samples, watts. May be below zero by noise
// and must not be cut off there: the next interval gives it back. `span` > 0; tau 0: no averaging.
double unaveraged_mean_watts(double first_watts, double second_watts, Nanoseconds span, Nanoseconds tau);

// A sum that never falls, for counters. What an interval gives back waits until it is made up
// for, so the sum is right again as soon as it may grow.
class RisingSum {
 public:
  void add(double part) {
    owed_ += part;
    if (owed_ <= 0) return;
    value_ += owed_;
    owed_ = 0;
  }
  double value() const { return value_; }

 private:
  double value_ = 0;
  double owed_ = 0;  // at most 0 between calls
};

}  // namespace tegrascope
