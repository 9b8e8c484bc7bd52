#include "collectors/ollama/log/log_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "collectors/read_watch.hpp"

namespace tegrascope {

std::optional<ReadError> LogTail::poll(const LogLines::Sink& sink) {
  more_ = false;
  const WatchedRead watched(path_);
  if (watched.refused()) return error(ETIMEDOUT);
  changes_.forget();
  if (fd_ < 0) {
    if (auto failed = open()) {
      polled_before_ = true;
      return failed;
    }
  }
  polled_before_ = true;

  struct stat mine {};
  if (::fstat(fd_, &mine) != 0) {
    const int code = errno;
    close();
    return error(code);
  }
  const auto size = static_cast<std::uint64_t>(mine.st_size);
  if (size < offset_) begin_at(0);
  if (auto failed = read_new(size, sink)) return failed;
  if (more_) return std::nullopt;

  struct stat named {};
  const bool replaced =
      ::stat(path_.c_str(), &named) == 0 && (named.st_dev != device_ || named.st_ino != inode_);
  if (!replaced) return std::nullopt;
  lines_.finish(sink);
  close();
  if (auto failed = open()) return failed;
  more_ = true;
  return std::nullopt;
}

std::optional<ReadError> LogTail::open() {
  // O_NONBLOCK: a FIFO at that path must not hang the open.
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return error(errno);
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return ReadError{ErrorReason::missing, path_.string() + ": is no regular file"};
  }
  fd_ = fd;
  changes_.watch(fd_);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  begin_at(polled_before_ || size <= backlog_bytes_ ? 0 : size - backlog_bytes_);
  return std::nullopt;
}

void LogTail::begin_at(std::uint64_t offset) {
  lines_.forget();
  offset_ = offset;
  within_line_ = offset > 0;
}

std::optional<ReadError> LogTail::read_new(std::uint64_t size, const LogLines::Sink& sink) {
  if (size > offset_ + kMaxBytesBehind) {
    const std::uint64_t begin = size - kMaxBytesPerPoll;
    skipped_bytes_ += begin - offset_;
    begin_at(begin);
  }
  std::array<char, 16 * 1024> block;
  for (std::uint64_t taken = 0; taken < kMaxBytesPerPoll;) {
    const ssize_t count = ::pread(fd_, block.data(), block.size(), static_cast<off_t>(offset_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int code = errno;
      close();
      return error(code);
    }
    if (count == 0) return std::nullopt;
    std::string_view bytes(block.data(), static_cast<std::size_t>(count));
    offset_ += bytes.size();
    taken += bytes.size();
    if (within_line_) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) continue;
      bytes.remove_prefix(end + 1);
      within_line_ = false;
    }
    lines_.feed(bytes, sink);
  }
  more_ = true;
  return std::nullopt;
}

void LogTail::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  changes_.watch(fd_);
  lines_.forget();
}

ReadError LogTail::error(int code) const {
  if (code == ETIMEDOUT) return hang_error(path_.string());
  const bool refused = code == EACCES || code == EPERM;
  return {refused ? ErrorReason::permission : ErrorReason::missing,
          path_.string() + ": " + std::generic_category().message(code)};
}

}  // namespace tegrascope
