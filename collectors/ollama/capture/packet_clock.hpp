// Packets are stamped with CLOCK_REALTIME, which may be set while we watch; the agent's time is
// CLOCK_MONOTONIC. Pure, not thread-safe.
#pragma once

#include <optional>

#include "agent/model/time.hpp"

namespace tegrascope {

class PacketClock {
 public:
  // What both clocks say now; before each look for packets.
  void sample(Nanoseconds realtime, MonotonicTime monotonic);

  // When a packet stamped `realtime` passed; never later than about now. Packets that waited while the clock was
  // set carry the old time: shortly after a step a stamp is read by that offset, old or new, which puts it into
  // the recent past.
  MonotonicTime to_monotonic(Nanoseconds realtime) const;

 private:
  std::optional<Nanoseconds> offset_;  // realtime - monotonic
  std::optional<Nanoseconds> offset_before_step_;
  MonotonicTime stepped_{};
  MonotonicTime now_{};
};

}  // namespace tegrascope
