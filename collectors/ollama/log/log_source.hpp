// Where the lines of a server's log come from.
#pragma once

#include <optional>

#include "agent/model/reading.hpp"
#include "collectors/ollama/log/log_text.hpp"

namespace tegrascope {

// One thread at a time. What is there at the first poll is old; it may take several polls.
class LogSource {
 public:
  virtual ~LogSource() = default;
  // Calls `sink` for the lines that came since the last poll, a bounded number. Returns why there are none to be
  // had: it is tried again at the next poll. May block; seen by a watch (collectors/read_watch.hpp).
  virtual std::optional<ReadError> poll(const LogLines::Sink& sink) = 0;
  // There was more than one poll may read: poll again soon.
  virtual bool more() const = 0;
  // Readable when something may be new since the last poll; -1: that cannot be told. Until the next poll.
  virtual int changes_fd() const = 0;
};

}  // namespace tegrascope
