// Replaces pread(2) in the test program: a file whose text is "(EAGAIN)" and the like fails with that errno,
// and one whose text is "(BLOCK)" blocks, which a plain file cannot do and a sensor does.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <utility>

#include "tests/support/blocked_reads.hpp"

namespace {

// Never destroyed: threads may hang in it when the program ends.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  std::size_t opened = 0;  // times
};
Gate& gate() {
  static Gate& it = *new Gate;
  return it;
}

void wait_at_gate() {
  std::unique_lock lock(gate().mutex);
  const std::size_t opened = gate().opened;
  ++gate().waiting;
  gate().changed.wait(lock, [opened] { return gate().opened != opened; });
  --gate().waiting;
}

}  // namespace

namespace tegrascope::test {

std::size_t blocked_reads() {
  const std::lock_guard lock(gate().mutex);
  return gate().waiting;
}

void release_blocked_reads() {
  const std::lock_guard lock(gate().mutex);
  ++gate().opened;
  gate().changed.notify_all();
}

}  // namespace tegrascope::test

extern "C" ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  const ssize_t count = ::syscall(SYS_pread64, fd, data, size, offset);
  if (count <= 0) return count;
  static constexpr std::array<std::pair<std::string_view, int>, 10> kErrors{{{"(EAGAIN)", EAGAIN},
                                                                             {"(EINVAL)", EINVAL},
                                                                             {"(ENODATA)", ENODATA},
                                                                             {"(ENXIO)", ENXIO},
                                                                             {"(EIO)", EIO},
                                                                             {"(EACCES)", EACCES},
                                                                             {"(ETIMEDOUT)", ETIMEDOUT},
                                                                             {"(ENODEV)", ENODEV},
                                                                             {"(EOPNOTSUPP)", EOPNOTSUPP},
                                                                             {"(BLOCK)", 0}}};
  const std::string_view text(static_cast<const char*>(data), static_cast<size_t>(count));
  for (const auto& [mark, error] : kErrors) {
    if (!text.starts_with(mark)) continue;
    if (error == 0) wait_at_gate();
    errno = error == 0 ? EIO : error;
    return -1;
  }
  return count;
}
