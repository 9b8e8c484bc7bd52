// What a server's log says: declared, not observed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/words.hpp"

namespace tegrascope {

// State of one server's log. Counters count since the agent started; what the log held before is in the claims
// only.
struct ServerLog {
  std::string server;     // OllamaServer::name
  bool followed = false;  // it is read, so that every request it names is seen at its end
  std::string error;      // why it is not; empty while it is, and when there is no log to follow any more

  // Claims, of the last load that the text shows.
  Placement placement = Placement::unknown;
  std::optional<std::int64_t> layers_offloaded;
  std::optional<std::int64_t> layers_total;
  std::vector<std::string> devices;  // GPUs, as the log names them
  ReasonClass reason = ReasonClass::none;

  std::map<ReasonClass, std::uint64_t> load_failures;  // attempts to load a model that failed
  std::uint64_t runners_killed = 0;                    // by the kernel, for memory
  std::uint64_t runners_crashed = 0;                   // of anything else; both after a complete load

  friend bool operator==(const ServerLog&, const ServerLog&) = default;
};

}  // namespace tegrascope
