// A replay as text and as JSON: requests with verdicts, events, the books. The same recording gives the same bytes.
#pragma once

#include <string>

#include "agent/recording/replay.hpp"

namespace tegrascope {

std::string to_json(const Replay& replay);
std::string to_text(const Replay& replay);

// 2026-11-23T08:32:34.123Z
std::string utc_text(WallTime time);

}  // namespace tegrascope
