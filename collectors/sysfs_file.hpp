// A kernel file (sysfs, procfs) that stays open and is read with one pread(2) at offset 0 each time: the
// kernel makes the text anew for every read at 0, and a file kept open costs no path walk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

// A value, or why there is none; or neither, where there was nothing to read.
template <class T>
class [[nodiscard]] ReadResult {
 public:
  ReadResult(T value, MonotonicTime at) : value_(std::move(value)), at_(at) {}
  ReadResult(ReadError error) : error_(std::move(error)) {}
  static ReadResult none() { return ReadResult(); }

  explicit operator bool() const { return value_.has_value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  MonotonicTime at() const { return at_; }  // midpoint of the read
  const ReadError* error() const { return error_ ? &*error_ : nullptr; }
  bool failed_with(ErrorReason reason) const { return error_ && error_->reason == reason; }
  // Appends the error, if there is one.
  void report(std::vector<ReadError>& errors) const {
    if (error_) errors.push_back(*error_);
  }

 private:
  ReadResult() = default;
  std::optional<T> value_;
  std::optional<ReadError> error_;
  MonotonicTime at_{};
};

// One thread at a time. Never blocks longer than the kernel's own read does: opened O_NONBLOCK, and what is
// not a regular file (a FIFO, a device) is refused.
//
// Errors:  EACCES, EPERM -> permission;  EAGAIN, ENODATA, ENXIO of a read (thermal zones and INA3221 channels
// of gated blocks answer so) and EOPNOTSUPP (a feature that the kernel was booted without, as PSI) ->
// unavailable;  ETIMEDOUT -> timeout;  every other errno -> missing;  text
// that is no number -> parse;  a number outside the plausible range -> range. Texts name the path and quote
// the offending text. On a thread with a watch (read_watch.hpp) a file that hung before is not touched:
// timeout.
//
// When the file was removed or replaced (ENODEV, ESRCH, ENOENT, ESTALE, EBADF, or the open file has no name
// any more) it is opened again by its path, within the same read.
class SysfsFile {
 public:
  explicit SysfsFile(std::filesystem::path path) : path_(std::move(path)) {}
  SysfsFile(SysfsFile&& other) noexcept;
  SysfsFile& operator=(SysfsFile&& other) noexcept;
  ~SysfsFile() { close(); }

  // Nothing when the path does not exist; a file that exists but cannot be opened is returned, and its reads
  // fail.
  static std::optional<SysfsFile> if_present(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }

  // The whole text, in `buffer`, which grows as needed (to 1 MiB at most) and is worth keeping for the next
  // read.
  ReadResult<std::string_view> read_text(std::string& buffer);

  // The text as one integer within [min, max].
  ReadResult<std::int64_t> read_integer(std::int64_t min, std::int64_t max);

 private:
  friend std::optional<std::string> read_whole(const std::filesystem::path& path);
  struct Raw {
    int error = 0;         // errno, 0 fine
    bool opening = false;  // the error is of open(2)
    std::size_t size = 0;
    MonotonicTime at{};
  };
  int open();
  void close();
  bool replaced() const;
  Raw read(char* data, std::size_t size, std::size_t offset = 0);
  ReadError error_of(const Raw& raw) const;

  std::filesystem::path path_;
  int fd_ = -1;
  bool on_disk_ =
      false;  // not sysfs or procfs: a removed file goes on answering, so its link count is checked
};

// Reads a small text once: trimmed, or empty when it cannot be read. Why a file that exists gave no text is
// told to the thread's watch, if it has one.
std::string read_once(const std::filesystem::path& path);

// Reads the whole of a text that the kernel gives in pieces, as PROCFS/PID/net/tcp: each read(2) of a list ends
// with a page. Nothing when it cannot be read; why is told as read_once does.
std::optional<std::string> read_whole(const std::filesystem::path& path);

// Reads one integer once. Nothing when the path does not exist, or when it gives none: then `errors` says why.
std::optional<std::int64_t> read_integer_once(const std::filesystem::path& path, std::int64_t min,
                                              std::int64_t max, std::vector<ReadError>& errors);

// stat(2) succeeds. A file that hung before is present.
bool is_present(const std::filesystem::path& path);

// Names in a directory, sorted; empty when it cannot be read.
std::vector<std::string> list_directory(const std::filesystem::path& path);

}  // namespace tegrascope
