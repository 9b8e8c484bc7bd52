#include "collectors/ollama/log/file_changes.hpp"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <string>

namespace tegrascope {
namespace {

constexpr unsigned long kXfsMagic = 0x58465342;

bool tells_all_changes(const std::filesystem::path& folder) {
  struct statfs file_system {};
  if (::statfs(folder.c_str(), &file_system) != 0) return false;
  switch (static_cast<unsigned long>(file_system.f_type)) {
    case EXT4_SUPER_MAGIC:  // 2 and 3 as well
    case kXfsMagic:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return true;
    default:
      return false;
  }
}

bool is_link(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

}  // namespace

FileChanges::~FileChanges() {
  if (inotify_ >= 0) ::close(inotify_);
}

void FileChanges::forget() {
  if (inotify_ < 0) inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_ < 0) return;
  std::array<char, 4096> events;
  while (::read(inotify_, events.data(), events.size()) > 0) {
  }
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const int before = name_watch_;
  // Again each time: the folder's name may have come to mean another one.
  name_watch_ = tells_all_changes(folder) && !is_link(path_)
                    ? ::inotify_add_watch(
                          inotify_, folder.c_str(),
                          IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)
                    : -1;
  if (before >= 0 && before != name_watch_) ::inotify_rm_watch(inotify_, before);
}

void FileChanges::watch(int file) {
  open_ = file >= 0;
  const int before = file_watch_;
  // By the descriptor: the name may mean another file by now.
  file_watch_ =
      open_ && inotify_ >= 0
          ? ::inotify_add_watch(inotify_, ("/proc/self/fd/" + std::to_string(file)).c_str(), IN_MODIFY)
          : -1;
  if (before >= 0 && before != file_watch_) ::inotify_rm_watch(inotify_, before);
}

}  // namespace tegrascope
