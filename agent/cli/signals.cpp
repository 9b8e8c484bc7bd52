#include "agent/cli/signals.hpp"

#include <cerrno>
#include <csignal>

namespace tegrascope {
namespace {

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<int> Signals::wait(std::optional<std::chrono::milliseconds> timeout) {
  const sigset_t set = handled();
  if (!timeout) {
    int signal = 0;
    while (sigwait(&set, &signal) != 0) {
    }
    return signal;
  }
  timespec ts{};
  ts.tv_sec = static_cast<time_t>(timeout->count() / 1000);
  ts.tv_nsec = static_cast<long>(timeout->count() % 1000) * 1'000'000;
  const int signal = sigtimedwait(&set, nullptr, &ts);
  if (signal < 0) return std::nullopt;
  return signal;
}

}  // namespace tegrascope
