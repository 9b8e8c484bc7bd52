// GIN's access line, as gin 1.10 prints it in every version of Ollama, anywhere in a line:
//   [GIN] 2024/09/13 - 09:19:05 | 200 |   30.521045ms |       127.0.0.1 | POST     "/api/show"
// Pure; any thread. Linear.
#pragma once

#include <optional>
#include <string_view>

#include "collectors/ollama/log/log_event.hpp"

namespace tegrascope {

// Where one begins; npos when there is none.
std::size_t find_gin(std::string_view text);

// `text` begins where find_gin said. Nothing when the line is cut before its path.
std::optional<LogRequest> parse_gin(std::string_view text);

// A POST on one of the routes that run a model.
bool is_inference(const LogRequest& request);

}  // namespace tegrascope
