// Where the agent keeps what outlives it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "agent/app/config.hpp"

namespace tegrascope {

// The directory that --storage.path means; empty: nothing is kept. "none" and "" keep nothing. "auto" is, first that
// there is: $STATE_DIRECTORY (systemd; the first of several), /var/lib/tegrascope for root, $XDG_STATE_HOME/tegrascope,
// $HOME/.local/state/tegrascope; nothing while procfs is not this machine's own (another boot id), because the books
// are one board's.
std::filesystem::path storage_directory(
    const Config& config, bool root,
    const std::function<std::optional<std::string>(const char*)>& environment);

// With this process's environment and user.
std::filesystem::path storage_directory(const Config& config);

}  // namespace tegrascope
