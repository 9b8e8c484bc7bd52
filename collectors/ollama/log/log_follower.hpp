// One server's log: what it says since the last poll, and what all of it adds up to.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/server_log.hpp"
#include "collectors/ollama/log/log_decoder.hpp"
#include "collectors/ollama/log/log_incidents.hpp"
#include "collectors/ollama/log/log_places.hpp"
#include "collectors/ollama/log/log_source.hpp"
#include "collectors/ollama/log/log_summary.hpp"

namespace tegrascope {

// One thread at a time. A thread that hangs in poll() keeps the object occupied until it comes back; what it
// read then is there at the next poll.
class LogFollower {
 public:
  explicit LogFollower(LogPlace place);

  const std::string& server() const { return place_.server; }
  const LogPlace& place() const { return place_; }

  // Reads what is new. May block as the file system does. False: another thread is still in it, and nothing else
  // may be asked.
  bool poll();

  // There is more to read at once.
  bool more() const { return source_->more(); }
  int changes_fd() const { return source_->changes_fd(); }  // as LogSource's
  // Access lines of inference routes since the last call, without the client's address. Lines that were there
  // before the first poll are not among them.
  std::vector<LogRequest> take_requests() { return std::exchange(requests_, {}); }
  const ServerLog& state() const { return state_; }

 private:
  void take(LogEvent&& event);

  const LogPlace place_;
  std::atomic<bool> occupied_{false};
  const std::unique_ptr<LogSource> source_;
  LogDecoder decoder_;
  LogSummarizer summarizer_;
  LogIncidents incidents_;
  bool backlog_ = true;  // what is read was there before
  std::vector<LogRequest> requests_;
  ServerLog state_;
};

}  // namespace tegrascope
