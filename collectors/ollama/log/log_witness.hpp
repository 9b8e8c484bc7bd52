// Witness `log`: follows the logs of the watched servers, opens nothing but them, writes nothing.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/model/server_log.hpp"
#include "collectors/ollama/log/log_event.hpp"
#include "collectors/ollama/log/log_places.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

// Receives the state of a server's log: after the first poll and when it changes. On the witness's thread, must
// not block.
using ServerLogSink = std::function<void(ServerLog&&)>;

// A request that an access line tells of, as events for `sink`: both at once, since a line is written at the
// request's end. `read_at` is when the line was read: at most a polling interval after that end, which is not told
// more exactly by a clock that can be compared.
void report_logged_request(const LogRequest& request, const std::string& server, RequestId id,
                           MonotonicTime read_at, const RequestSink& sink);

// A thread of its own, which reads a log when it changes, but not more often than once a second, and once a second
// where changes cannot be told (log_source.hpp). Without a log it sleeps. A file that hangs (a network file system) costs a thread that is
// left behind (deadline_read.hpp); its server's log counts as not followed until it answers.
class LogWitness {
 public:
  static constexpr Nanoseconds kInterval = std::chrono::seconds(1);
  // How long one poll may hang, and about the longest that stop() takes.
  static constexpr Nanoseconds kDeadline = std::chrono::seconds(2);

  // The sinks are called on the witness's thread, must not block. `ids` must outlive the witness.
  LogWitness(RequestIds& ids, RequestSink sink, ServerLogSink state, Nanoseconds interval = kInterval,
             Nanoseconds deadline = kDeadline);
  ~LogWitness();  // stop()
  LogWitness(const LogWitness&) = delete;
  LogWitness& operator=(const LogWitness&) = delete;

  // Once. Throws std::system_error when there is no thread left.
  void start();

  // What to follow from now on; any thread, also before start(). A log that is followed already goes on where it
  // is. One of a server that is not listed is still followed: servers restart.
  void set_places(std::vector<LogPlace> places);

  // Ends the thread. Any thread but the witness's; harmless when repeated.
  void stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tegrascope
