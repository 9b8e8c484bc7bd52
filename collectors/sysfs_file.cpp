#include "collectors/sysfs_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "collectors/read_watch.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kFirstBuffer = 4096;  // a sysfs file is at most one page
constexpr std::size_t kLargestText = 1 << 20;
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kLargestWhole = 16 << 20;
constexpr int kNotRegular = -1;
constexpr int kHeld = -2;
constexpr std::size_t kTracedText = 64;

bool is_gone(int error) {
  return error == ENODEV || error == ESRCH || error == ENOENT || error == ESTALE || error == EBADF;
}

// What came of one try, for whoever traces this thread.
void trace(WatchedRead& watched, const std::filesystem::path& path, MonotonicTime begin, MonotonicTime end,
           int error, bool opening, std::string_view text) {
  if (!watched.traced()) return;
  watched.trace({path.string(), begin, end, error, opening, std::string(trim(text.substr(0, kTracedText)))});
}

std::string describe(int error) {
  if (error == kNotRegular) return "is not a regular file; remove it or mount the kernel's file system there";
  std::string text = std::generic_category().message(error);
  if (error == EACCES || error == EPERM) text += "; allow the agent's user to read it, or run as root";
  return text;
}

}  // namespace

SysfsFile::SysfsFile(SysfsFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), on_disk_(other.on_disk_) {}

SysfsFile& SysfsFile::operator=(SysfsFile&& other) noexcept {
  if (this != &other) {
    close();
    path_ = std::move(other.path_);
    fd_ = std::exchange(other.fd_, -1);
    on_disk_ = other.on_disk_;
  }
  return *this;
}

std::optional<SysfsFile> SysfsFile::if_present(const std::filesystem::path& path) {
  SysfsFile file(path);
  WatchedRead watched(path);
  const int error = watched.refused() ? kHeld : file.open();
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  if (error != 0) trace(watched, path, {}, {}, error, true, {});
  return file;
}

int SysfsFile::open() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return kNotRegular;
  }
  struct statfs file_system {};
  on_disk_ = ::fstatfs(fd, &file_system) != 0 ||
             (file_system.f_type != SYSFS_MAGIC && file_system.f_type != PROC_SUPER_MAGIC &&
              file_system.f_type != DEBUGFS_MAGIC);
  fd_ = fd;
  return 0;
}

void SysfsFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool SysfsFile::replaced() const {
  struct stat status {};
  return on_disk_ && ::fstat(fd_, &status) == 0 && status.st_nlink == 0;
}

SysfsFile::Raw SysfsFile::read(char* data, std::size_t size, std::size_t offset) {
  Raw raw;
  WatchedRead watched(path_);
  if (watched.refused()) {
    raw.error = kHeld;
    return raw;
  }
  bool opened_now = false;
  if (fd_ >= 0 && replaced()) close();
  while (true) {
    if (fd_ < 0) {
      raw.error = open();
      raw.opening = raw.error != 0;
      if (raw.opening) {
        trace(watched, path_, {}, {}, raw.error, true, {});
        return raw;
      }
      opened_now = true;
    }
    const MonotonicTime before = monotonic_now();
    ssize_t count;
    do {
      count = ::pread(fd_, data, size, static_cast<off_t>(offset));
    } while (count < 0 && errno == EINTR);
    raw.error = count < 0 ? errno : 0;
    const MonotonicTime after = monotonic_now();
    raw.at = before + (after - before) / 2;
    raw.size = count < 0 ? 0 : static_cast<std::size_t>(count);
    trace(watched, path_, before, after, raw.error, false, {data, raw.size});
    if (!is_gone(raw.error)) return raw;
    if (raw.error == EBADF) fd_ = -1;  // somebody else closed it; the number may be another file's by now
    close();
    if (opened_now) return raw;
  }
}

ReadError SysfsFile::error_of(const Raw& raw) const {
  if (raw.error == kHeld) return hang_error(path_.string());
  ErrorReason reason = ErrorReason::missing;
  const bool no_value = !raw.opening && (raw.error == EAGAIN || raw.error == ENODATA || raw.error == ENXIO);
  if (no_value || raw.error == EOPNOTSUPP) reason = ErrorReason::unavailable;
  if (raw.error == EACCES || raw.error == EPERM) reason = ErrorReason::permission;
  if (raw.error == ETIMEDOUT) reason = ErrorReason::timeout;
  return ReadError{reason, path_.string() + ": " + describe(raw.error)};
}

ReadResult<std::string_view> SysfsFile::read_text(std::string& buffer) {
  if (buffer.size() < kFirstBuffer) buffer.resize(kFirstBuffer);
  while (true) {
    const Raw raw = read(buffer.data(), buffer.size());
    if (raw.error != 0) return error_of(raw);
    if (raw.size < buffer.size() || buffer.size() >= kLargestText)
      return {std::string_view(buffer.data(), raw.size), raw.at};
    buffer.resize(buffer.size() * 2);
  }
}

ReadResult<std::int64_t> SysfsFile::read_integer(std::int64_t min, std::int64_t max) {
  std::array<char, 128> buffer;
  const Raw raw = read(buffer.data(), buffer.size());
  if (raw.error != 0) return error_of(raw);
  const std::string_view text = trim({buffer.data(), raw.size});
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument)
    return ReadError{ErrorReason::parse, path_.string() + ": expected an integer, got " + quoted(text)};
  if (error != std::errc{} || value < min || value > max)
    return ReadError{ErrorReason::range, path_.string() + ": " + quoted(text) + " is outside " +
                                             std::to_string(min) + ".." + std::to_string(max)};
  return {value, raw.at};
}

std::string read_once(const std::filesystem::path& path) {
  auto file = SysfsFile::if_present(path);
  if (!file) return {};
  std::string buffer;
  const auto text = file->read_text(buffer);
  if (text && !trim(*text).empty()) return std::string(trim(*text));
  if (ReadWatch* watch = ReadWatch::current()) {
    if (text)
      watch->note({ErrorReason::parse, path.string() + ": expected text, got " + quoted(*text)});
    else if (text.error() != nullptr && is_present(path))  // else it went away just now
      watch->note(*text.error());
  }
  return {};
}

std::optional<std::string> read_whole(const std::filesystem::path& path) {
  auto file = SysfsFile::if_present(path);
  if (!file) return std::nullopt;
  std::string text;
  while (text.size() < kLargestWhole) {
    const std::size_t before = text.size();
    text.resize(before + kPiece);
    const SysfsFile::Raw raw = file->read(text.data() + before, kPiece, before);
    text.resize(before + raw.size);
    if (raw.error != 0) {
      if (ReadWatch* watch = ReadWatch::current(); watch != nullptr && is_present(path))
        watch->note(file->error_of(raw));
      return std::nullopt;
    }
    if (raw.size == 0) break;
  }
  return text;
}

std::optional<std::int64_t> read_integer_once(const std::filesystem::path& path, std::int64_t min,
                                              std::int64_t max, std::vector<ReadError>& errors) {
  auto file = SysfsFile::if_present(path);
  if (!file) return std::nullopt;
  const auto value = file->read_integer(min, max);
  value.report(errors);
  return value ? std::optional(*value) : std::nullopt;
}

bool is_present(const std::filesystem::path& path) {
  const WatchedRead watched(path);
  struct stat status {};
  return watched.refused() || ::stat(path.c_str(), &status) == 0;
}

std::vector<std::string> list_directory(const std::filesystem::path& path) {
  std::vector<std::string> names;
  WatchedRead watched(path);
  const MonotonicTime before = watched.traced() ? monotonic_now() : MonotonicTime{};
  DIR* directory = watched.refused() ? nullptr : ::opendir(path.c_str());
  if (directory == nullptr) {
    if (!watched.refused() && !is_gone(errno)) trace(watched, path, {}, {}, errno, true, {});
    return names;
  }
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(directory);
  if (watched.traced()) trace(watched, path, before, monotonic_now(), 0, false, {});
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tegrascope
