// Tells that a file was written to, or that its name may have come to mean another file: inotify(7).
#pragma once

#include <filesystem>
#include <utility>

namespace tegrascope {

// One thread at a time. May block as the file system does.
class FileChanges {
 public:
  explicit FileChanges(std::filesystem::path path) : path_(std::move(path)) {}
  ~FileChanges();
  FileChanges(const FileChanges&) = delete;
  FileChanges& operator=(const FileChanges&) = delete;

  // Before the name is looked up: what was told so far is known, what happens from now on is told.
  void forget();
  // Before the open file is read; -1: none is open.
  void watch(int file);

  // Readable after a change. -1 where changes cannot be told: a network file system tells of this machine's
  // only, an overlay of some kernels of none, and what a symbolic link points to lies elsewhere.
  int fd() const { return name_watch_ >= 0 && (!open_ || file_watch_ >= 0) ? inotify_ : -1; }

 private:
  const std::filesystem::path path_;
  int inotify_ = -1;
  int name_watch_ = -1;  // of the folder
  int file_watch_ = -1;
  bool open_ = false;
};

}  // namespace tegrascope
