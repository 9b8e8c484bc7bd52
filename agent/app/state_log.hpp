// One log line per change of state: collectors, servers, placements, and one for each event. Repeats of the same
// state are silent. A collector is up again after 70 s without an error, and no longer failed after 70 s in which some
// sensor could be read. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

class StateLog {
 public:
  // Its collector.
  void note(const Batch& batch);
  void note(const ServerState& state);
  void note(const CaptureView& capture);
  void note(const ServerLog& log);
  // Failed loads, dead runners and throttling; placements are told by note_placement().
  void note(const Event& event);
  // A placement that has changed.
  void note_placement(const ModelView& view);
  void note_request(const RequestRecord& record);  // at level debug

 private:
  struct Collector {
    std::string state;  // up, degraded, failed, absent
    std::optional<MonotonicTime> last_error;
    std::optional<MonotonicTime> last_failed;
  };
  std::map<std::string, Collector> collectors_;  // by name
  std::map<std::string, std::string> servers_;   // name -> up VERSION, or the error
  // Server -> why its log is not followed; absent: it is.
  std::map<std::string, std::optional<std::string>> logs_;
  std::optional<std::string> capture_;  // its error
};

}  // namespace tegrascope
