// What happened, for people: told once, at the moment it is known. It goes to the log, to /api/v1/events, to the web
// hook and, where it is an alarm, makes the flight recorder write. No prompt, no answer and no client address.
#pragma once

#include <optional>
#include <string>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

struct Event {
  EventKind kind{};
  MonotonicTime at{};            // when it was known
  std::optional<WallTime> wall;  // the same moment; absent: no wall clock was told yet
  std::string server;            // host:port; empty where it is the whole board's
  std::string model;             // label value as in the metrics; empty: the board's, or not known
  ReasonClass reason = ReasonClass::none;
  std::string cure;  // one line to type; empty: none known
  std::string text;  // what happened, in one line, with the numbers
};

// Worth a look at what led to it.
inline bool is_alarm(EventKind kind) {
  return kind != EventKind::recovery && kind != EventKind::throttle_end;
}

}  // namespace tegrascope
