// Whether a process may have been born since the last look, for the price of one small read: the kernel ends
// PROCFS/loadavg with the pid it gave away last (fs/proc/loadavg.c), those of threads and of child namespaces
// included. It means the reader's own pid namespace, so in a container the host's PROCFS cannot tell.
#pragma once

#include <filesystem>
#include <optional>

#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class BirthWatch {
 public:
  explicit BirthWatch(const std::filesystem::path& procfs);

  // True the first time, where it cannot be told, and once more after a birth: a pid is given away a moment
  // before its process is listed.
  bool may_have_births();

 private:
  std::optional<std::int64_t> last_pid();

  std::filesystem::path procfs_;
  std::optional<bool> own_namespace_;
  SysfsFile loadavg_;
  std::optional<std::int64_t> last_;
  bool settled_ = false;  // the last look saw no birth
  std::string buffer_;
};

}  // namespace tegrascope
