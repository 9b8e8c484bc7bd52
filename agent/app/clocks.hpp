// The machine's clocks, and what they tell: that it was suspended, or that the wall clock was set.
#pragma once

#include <optional>

#include "agent/model/time.hpp"

namespace tegrascope {

// The three clocks, read close together.
ClockReading read_clocks();

// What is worth telling the analysis. Pure.
class ClockWatch {
 public:
  struct News {
    // To be told, in this order: where something jumped, the last reading before it comes first.
    std::optional<ClockReading> before;
    ClockReading now;
    Nanoseconds slept{};    // the machine was suspended for that long; zero: it was not
    Nanoseconds stepped{};  // the wall clock was set by that much; zero: it was not
  };
  // Absent: nothing new for a minute.
  std::optional<News> look(const ClockReading& now);

 private:
  std::optional<ClockReading> told_;
  std::optional<ClockReading> last_;
};

}  // namespace tegrascope
