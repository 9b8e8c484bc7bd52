// Guard mode: inference and reading pass, everything that changes, loads or sends models, files or accounts does
// not. What is not in the table does not pass either. Pure, any thread.
#pragma once

#include <string_view>

#include "agent/model/ollama.hpp"

namespace tegrascope {

// `target` as in the request line. Written otherwise than in the table (doubled or trailing slashes, dot segments,
// percent-encoding, capitals), a path does not pass: servers read such paths differently. In the last segment of
// /v1/models/MODEL, %3A is allowed, as clients encode the colon of a tag. OPTIONS passes for every path that passes
// with another method.
bool guard_allows(std::string_view method, std::string_view target, UpstreamKind kind);

}  // namespace tegrascope
