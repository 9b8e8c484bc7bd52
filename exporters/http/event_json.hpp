// Events as JSON, for /api/v1/events and the web hook. Any thread.
#pragma once

#include <string>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

// {"events":[...]}, newest last, and "counts" by kind since the agent started. An event:
//   {"kind":"fallback","time":"2026-11-23T08:32:34.123Z","monotonic_ns":...,"server":"127.0.0.1:11434",
//    "model":"qwen2.5:7b","reason":"container-lost-gpu","cure":"...","text":"..."}
// `time` is left out where no wall clock was told.
std::string events_json(const Snapshot& snapshot);

// One event with the name of the machine: {"host":"jetson","event":{...}}.
std::string web_hook_json(const Event& event, const std::string& host);

}  // namespace tegrascope
