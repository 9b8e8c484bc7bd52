// One log line per change of state: collectors, servers, placements. Repeats of the same state are silent.
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
  void note_request(const RequestRecord& record);  // at level debug

 private:
  void note_collectors(const Snapshot& snapshot);
  void note_servers(const Snapshot& snapshot);
  void note_placements(const Snapshot& snapshot);
  void note_capture(const Snapshot& snapshot);

  std::map<std::string, std::string> collectors_;  // name -> up, degraded, failed, absent
  std::map<std::string, std::string> servers_;     // name -> up VERSION, or the error
  std::map<ModelKey, Placement> placements_;
  std::optional<std::string> capture_;  // its error
};

}  // namespace tegrascope
