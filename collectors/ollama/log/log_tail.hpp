// Follows the file that an Ollama server logs to (OLLAMA_LOGS of the dustynv images, a shell's redirection,
// docker's json-file) as it grows. Opens nothing but regular files, writes nothing, keeps at most one line.
//
// A file that is replaced (rotation by rename) is read to its end, then the new one from its beginning. One
// that became shorter (copytruncate; the dustynv images truncate theirs at each start) is read from its
// beginning; one that was cut and grew beyond the old place between two polls cannot be told from one that
// grew. A file that appears after the first poll is read from its beginning.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "collectors/ollama/log/file_changes.hpp"
#include "collectors/ollama/log/log_source.hpp"

namespace tegrascope {

// One thread at a time; poll() may block as long as the file system does, and is seen by a watch
// (collectors/read_watch.hpp).
class LogTail : public LogSource {
 public:
  static constexpr std::uint64_t kMaxBytesPerPoll = 1 << 20;
  // Further behind than this, what lies between is left out.
  static constexpr std::uint64_t kMaxBytesBehind = 16 << 20;

  // Of a file that is there at the first poll, at most its last `backlog_bytes` are read, from the beginning
  // of a line.
  explicit LogTail(std::filesystem::path path, std::uint64_t backlog_bytes = 4 << 20)
      : path_(std::move(path)), backlog_bytes_(backlog_bytes) {}
  ~LogTail() override { close(); }
  LogTail(const LogTail&) = delete;
  LogTail& operator=(const LogTail&) = delete;

  // Calls `sink` for every line that was completed since the last poll, at most kMaxBytesPerPoll of text.
  // Returns why the file cannot be read: EACCES, EPERM -> permission, held by the watch -> timeout,
  // everything else -> missing. It is tried again at the next poll.
  std::optional<ReadError> poll(const LogLines::Sink& sink) override;

  bool more() const override { return more_; }
  int changes_fd() const override { return changes_.fd(); }
  // Bytes left out because the file grew faster than it was read.
  std::uint64_t skipped_bytes() const { return skipped_bytes_; }

 private:
  std::optional<ReadError> open();
  std::optional<ReadError> read_new(std::uint64_t size, const LogLines::Sink& sink);
  void begin_at(std::uint64_t offset);
  void close();
  ReadError error(int code) const;

  const std::filesystem::path path_;
  const std::uint64_t backlog_bytes_;
  bool polled_before_ = false;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t offset_ = 0;
  bool within_line_ = false;  // begun in the middle of a line: the rest of it is dropped
  bool more_ = false;
  std::uint64_t skipped_bytes_ = 0;
  LogLines lines_;
  FileChanges changes_{path_};
};

}  // namespace tegrascope
