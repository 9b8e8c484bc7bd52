// What the board draws when nothing runs: a low quantile of slices in which it verifiably did nothing. Never
// derived from utilisation, which would leave no idle share at full load
// (sustainable-computing-io/kepler#2465).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

class IdleBaseline {
 public:
  // Adds the mean power of one verified-idle slice.
  void add(double watts, Nanoseconds duration);

  // 10th percentile of the last 600 idle slices; absent until they cover a minute.
  std::optional<double> watts() const;

 private:
  struct Slice {
    double watts;
    Nanoseconds duration;
  };
  std::vector<Slice> slices_;  // ring of the last kSlices
  std::size_t next_ = 0;
  Nanoseconds covered_{};
  mutable std::optional<double> cached_;
};

}  // namespace tegrascope
