// /api/v1/requests: the latest requests with their verdicts and the evidence behind them, as JSON. No prompt, no
// answer, no client is in a record.
#pragma once

#include <optional>
#include <string_view>

#include "agent/model/snapshot.hpp"
#include "exporters/http/server.hpp"

namespace tegrascope {

// /api/v1/requests: newest first, without the pieces of evidence. /api/v1/requests/ID: one of them in full; 404 when
// it is not among the latest. Nothing for any other path.
std::optional<HttpReply> answer_requests(const Snapshot& snapshot, std::string_view path);

}  // namespace tegrascope
