// Circumstances of a decode that make its evidence weaker or explain its rate: others on the board, clocks held down,
// another power mode, memory that comes back from swap, a GPU sensor that cannot be right. Pure.
#pragma once

#include <deque>
#include <optional>

#include "agent/model/reading.hpp"
#include "agent/placement/evidence.hpp"

namespace tegrascope {

class BoardWatch {
 public:
  void add(const Reading& reading);
  // The load of the GPU (of several, the busiest) at a time, and whether Ollama works there: a request is open or a
  // runner uses the CPU.
  void add_gpu_load(MonotonicTime at, double load, bool at_work);

  // Whether the load tells anything about a decode that began at `begin`; `mean` is its own.
  LoadDoubt load_doubt(MonotonicTime begin, double mean) const;
  bool throttled(MonotonicTime begin, MonotonicTime end) const;
  bool swapping(MonotonicTime begin, MonotonicTime end) const;
  std::optional<int> power_mode() const { return power_mode_; }
  double gpu_max_hertz() const { return gpu_max_hertz_; }

 private:
  struct Sample {
    MonotonicTime at{};
    double value = 0;
  };
  using Samples = std::deque<Sample>;  // ascending
  static Samples::const_iterator first_from(const Samples& samples, MonotonicTime t);
  static void push(Samples& samples, Sample sample);
  static double growth(const Samples& samples, MonotonicTime begin, MonotonicTime end);

  Samples idle_loads_;
  std::optional<MonotonicTime> last_work_;
  Samples throttled_;
  Samples swapped_in_;
  Samples stalled_;
  std::optional<int> power_mode_;
  double gpu_max_hertz_ = 0;
};

}  // namespace tegrascope
