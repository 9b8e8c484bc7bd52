// One log line per change of state: collectors, servers, placements, and one for each event. Repeats of the same state are silent. A collector
// is up again after 70 s without an error.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/attribution/ledger.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

class StateLog {
 public:
  void note(const Snapshot& snapshot);
  // Failed loads, dead runners and throttling; placements are told by note(Snapshot).
  void note(const Event& event);
  void note_request(const RequestRecord& record);  // at level debug

 private:
  void note_collectors(const Snapshot& snapshot);
  void note_servers(const Snapshot& snapshot);
  void note_placements(const Snapshot& snapshot);
  void note_capture(const Snapshot& snapshot);
  void note_logs(const Snapshot& snapshot);

  struct Collector {
    std::string state;  // up, degraded, failed, absent
    std::optional<MonotonicTime> last_error;
  };
  std::map<std::string, Collector> collectors_;  // by name
  std::map<std::string, std::string> servers_;   // name -> up VERSION, or the error
  std::map<ModelKey, Placement> placements_;
  std::map<std::string, ServerLog> logs_;  // by server
  std::optional<std::string> capture_;     // its error
};

}  // namespace tegrascope
