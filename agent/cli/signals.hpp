// Waiting for the signals that stop or reload a command. SIGTERM, SIGINT and SIGHUP are blocked in every
// thread and taken here, so no code runs in signal context.
#pragma once

#include <chrono>
#include <optional>

namespace tegrascope {

class Signals {
 public:
  // Before any thread is started. SIGPIPE is ignored from here on: a client may always leave.
  Signals();

  // The next signal, or nothing after `timeout`.
  std::optional<int> wait(std::optional<std::chrono::milliseconds> timeout = std::nullopt);
};

}  // namespace tegrascope
