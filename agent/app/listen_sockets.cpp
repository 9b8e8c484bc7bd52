#include "agent/app/listen_sockets.hpp"

#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace tegrascope {

void take_listen_sockets(Config& config) {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  std::string wrong;
  for (int i = 0; i < count; ++i) {
    const std::string name = names[i];
    std::free(names[i]);
    const int fd = SD_LISTEN_FDS_START + i;
    if (name != "web" && name != "relay") {
      wrong = "is named '" + name +
              "': set FileDescriptorName=web or FileDescriptorName=relay in its socket unit";
    } else if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 || sd_is_socket(fd, AF_UNIX, 0, -1) > 0) {
      wrong = "(" + name +
              ") is no TCP socket that listens: set ListenStream=ADDRESS:PORT and Accept=no in its unit";
    } else {
      (name == "web" ? config.web_sockets : config.relay_sockets).push_back(fd);
    }
  }
  std::free(names);
  if (!wrong.empty()) throw std::invalid_argument("a socket that systemd passed " + wrong);
}

}  // namespace tegrascope
