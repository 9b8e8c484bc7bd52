#include "collectors/ollama/log/wakeable_wait.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace tegrascope {

WakeableWait::WakeableWait() : wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

WakeableWait::~WakeableWait() { ::close(wake_fd_); }

std::vector<std::size_t> WakeableWait::wait(const std::vector<int>& fds, std::optional<MonotonicTime> until) {
  std::vector<pollfd> waited{{wake_fd_, POLLIN, 0}};
  for (const int fd : fds) waited.push_back({fd, POLLIN, 0});
  timespec left{};
  if (until) {
    const Nanoseconds time = std::max(*until - monotonic_now(), Nanoseconds::zero());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    left.tv_sec = static_cast<time_t>(seconds.count());
    left.tv_nsec = static_cast<long>((time - seconds).count());
  }
  std::vector<std::size_t> readable;
  if (::ppoll(waited.data(), waited.size(), until ? &left : nullptr, nullptr) <= 0) return readable;
  std::uint64_t times = 0;
  if (waited[0].revents != 0) static_cast<void>(!::read(wake_fd_, &times, sizeof times));
  for (std::size_t i = 0; i < fds.size(); ++i)
    if (waited[i + 1].revents != 0) readable.push_back(i);
  return readable;
}

void WakeableWait::wake() {
  const std::uint64_t once = 1;
  static_cast<void>(!::write(wake_fd_, &once, sizeof once));
}

}  // namespace tegrascope
