// A thread's wait for descriptors, a time, or somebody who wakes it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

class WakeableWait {
 public:
  WakeableWait();  // throws std::system_error when no descriptor is left
  ~WakeableWait();
  WakeableWait(const WakeableWait&) = delete;
  WakeableWait& operator=(const WakeableWait&) = delete;

  // Returns which of `fds` are readable, as indices: when some are, at `until` (absent: never), or when woken
  // since the last call. One thread.
  std::vector<std::size_t> wait(const std::vector<int>& fds, std::optional<MonotonicTime> until);

  // Any thread.
  void wake();

 private:
  const int wake_fd_;
};

}  // namespace tegrascope
