// What /api/v1/... answers, each as one JSON object made of a snapshot. Amounts are exact integers in the unit that their
// name ends with; figures beyond 2^53 need a reader that keeps 64-bit integers. Absent values are left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

// The books since this start of the agent and since the first one, and what was learned.
std::string ledger_json(const Snapshot& snapshot);

// What would still fit beside the resident models. {} where the memory cannot be read.
std::string headroom_json(const Snapshot& snapshot);

// How near decodes come to what the memory bus carries: by model, and of the last requests.
std::string roofline_json(const Snapshot& snapshot);

// The latest requests with their verdicts, newest first. No prompt, no answer, no client is in a record.
std::string requests_json(const Snapshot& snapshot);

// One of them with the evidence behind its verdict; nothing when it is not among the latest.
std::optional<std::string> request_json(const Snapshot& snapshot, std::string_view id);

}  // namespace tegrascope
