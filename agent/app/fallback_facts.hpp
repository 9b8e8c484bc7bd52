// What a command gathers about one server, once, to find why its model is not on the GPU.
#pragma once

#include <optional>
#include <string>

#include "agent/app/config.hpp"
#include "agent/model/ollama.hpp"
#include "agent/placement/reasons.hpp"

namespace tegrascope {

// What the server's log holds now; absent: it has none that is known or readable. Waits under a deadline.
std::optional<ServerLog> read_server_log(const OllamaServer& server, const Config& config);

// Fills log, serve and runner, and has the cure name the container. Reads files, waits under a deadline.
void add_server_facts(FallbackFacts& facts, const OllamaServer& server,
                      const std::optional<ProcessId>& runner, const Config& config);

// Ollama's own words for a failed load tell its reason where the log does not.
void add_failure(FallbackFacts& facts, const std::string& error);

}  // namespace tegrascope
