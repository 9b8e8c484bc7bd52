// One sensor over time: samples of a quantity that exists between them (watts, GPU load).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "agent/model/time.hpp"

namespace tegrascope {

struct WindowMean {
  double mean = 0;
  int samples = 0;        // samples inside the window
  Nanoseconds covered{};  // part of the window that is not in a gap
};

// On which samples an energy rests: energy = sum of each one's watts times its seconds, negative ones where averaging
// is undone. What it does not rest on is a guess.
struct SampleWeights {
  std::uint64_t left = 0;  // number of the sample, as they came
  std::uint64_t right = 0;
  double left_seconds = 0;
  double right_seconds = 0;
};

// Squared differences between neighbouring samples: how much a single one strays from the mean around it.
struct Roughness {
  double squares = 0;  // half the sum, watts squared
  int pairs = 0;
};

class SampleCurve {
 public:
  // `lag`: how far a value read now lies in the past (subtracted from each time).
  // `max_gap`: between samples further apart nothing was measured.
  SampleCurve(Nanoseconds lag, Nanoseconds max_gap);

  // The sensor gives a running average with this time constant (averaging.hpp); zero: it does not. It may
  // change while samples come.
  void set_averaging(Nanoseconds time_constant) { averaging_ = time_constant; }
  Nanoseconds averaging() const { return averaging_; }
  bool averaged() const { return averaging_ > Nanoseconds::zero(); }

  // Samples that are not newer than the last one are ignored.
  void add(MonotonicTime read_at, double value);

  std::optional<MonotonicTime> first() const;
  std::optional<MonotonicTime> last() const;
  std::optional<double> latest() const;

  // First sample time after t.
  std::optional<MonotonicTime> next_after(MonotonicTime t) const;

  // Mean over [a, b), which must not reach across a sample. `boundaries` are the sorted times at which the
  // load is known to have changed: the samples on either side are not interpolated across them but held up to
  // them; between two boundaries without a sample the neighbours' mean stands in (attribution method 2.3).
  // Absent: a gap. Of a sensor that averages, the mean that went into its average; that has no steps at
  // boundaries to hold, and may be below zero by noise.
  std::optional<double> mean_between_samples(MonotonicTime a, MonotonicTime b,
                                             std::span<const MonotonicTime> boundaries) const;

  // What mean_between_samples() times the length rests on; absent where that is.
  std::optional<SampleWeights> weights(MonotonicTime a, MonotonicTime b,
                                       std::span<const MonotonicTime> boundaries) const;

  // [a, b) lies between two boundaries without a sample: the neighbours' mean is only a guess. Never of a
  // sensor that averages.
  bool unsampled(MonotonicTime a, MonotonicTime b, std::span<const MonotonicTime> boundaries) const;

  // Mean of the samples in [a, b); absent: none, or the sensor averages.
  std::optional<double> mean_of_samples(MonotonicTime a, MonotonicTime b) const;

  // Of the samples in [a, b).
  Roughness roughness(MonotonicTime a, MonotonicTime b) const;
  int count(MonotonicTime a, MonotonicTime b) const { return static_cast<int>(upper(b) - upper(a)); }

  // Mean distance of the samples in [a, b) and those next to it; absent where there is none on one side.
  std::optional<Nanoseconds> spacing(MonotonicTime a, MonotonicTime b) const;

  // Mean over any window by linear interpolation; absent when nothing of it is covered.
  std::optional<WindowMean> mean_over(MonotonicTime a, MonotonicTime b) const;

 private:
  struct Sample {
    MonotonicTime at;
    double value;
  };
  // Index of the first sample after t.
  std::size_t upper(MonotonicTime t) const;
  // Of a sensor that averages: what went in before the first boundary after sample `left`, from the samples since the
  // boundary before; absent when they lie too close together to tell.
  struct Level {
    double watts = 0;
    Nanoseconds over{};
  };
  std::optional<Level> level_before(std::size_t left, std::span<const MonotonicTime> boundaries) const;
  // The first boundary after sample `left` and before the next; absent: none.
  std::optional<MonotonicTime> edge_after(std::size_t left, std::span<const MonotonicTime> boundaries) const;
  double averaged_mean(std::size_t left, MonotonicTime a, MonotonicTime b,
                       std::span<const MonotonicTime> boundaries) const;

  Nanoseconds lag_;
  Nanoseconds max_gap_;
  Nanoseconds averaging_{};
  std::uint64_t dropped_ = 0;   // samples that came before the first kept
  std::deque<Sample> samples_;  // bounded, see kCapacity in the source
};

// A cumulative counter over time (CPU time of a process), linear between samples.
class CounterCurve {
 public:
  explicit CounterCurve(Nanoseconds max_gap);

  // A value below the last one restarts the curve.
  void add(MonotonicTime at, Nanoseconds total);

  std::optional<MonotonicTime> first() const;
  std::optional<MonotonicTime> last() const;

  // Growth between a and b. Absent when the counter is not known over all of [a, b].
  std::optional<Nanoseconds> growth(MonotonicTime a, MonotonicTime b) const;

  // As growth(), beyond the last sample at the rate last seen; absent before the first interval.
  std::optional<Nanoseconds> growth_extrapolated(MonotonicTime a, MonotonicTime b) const;

 private:
  struct Sample {
    MonotonicTime at;
    Nanoseconds total;
  };
  double at(MonotonicTime t) const;

  Nanoseconds max_gap_;
  std::deque<Sample> samples_;
};

}  // namespace tegrascope
