// Listening sockets that systemd holds and passes (sd_listen_fds(3)): they live on while the agent restarts, so no
// client is refused meanwhile.
#pragma once

#include <vector>

#include "agent/app/config.hpp"

namespace tegrascope {

// Puts the sockets named `web` and `relay` (FileDescriptorName= of the socket unit) into `config` and removes
// LISTEN_FDS and its companions from the environment, so that no child takes them for its own. Nothing passed:
// nothing changes. Throws std::invalid_argument for a socket of another name or kind.
void take_listen_sockets(Config& config);

}  // namespace tegrascope
