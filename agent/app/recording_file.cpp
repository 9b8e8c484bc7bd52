#include "agent/app/recording_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

constexpr Nanoseconds kFlushEvery = std::chrono::seconds(1);
constexpr std::size_t kFlushBytes = 256u << 10;
constexpr std::string_view kBegin = "{\"k\":\"head\",\"format\":\"tegrascope-recording\",\"version\":";

constexpr const char* kElsewhere = "; name a file in a folder that the agent may write to";
constexpr const char* kNotRegular = "is no regular file: name another";

std::string error_text(int error) { return std::generic_category().message(error); }

// Version of the recording that the file begins with; absent: it is none.
std::optional<int> version_in(int fd) {
  std::array<char, kBegin.size() + 12> bytes{};
  const ssize_t size = ::pread(fd, bytes.data(), bytes.size(), 0);
  const std::string_view begin(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  int version = 0;
  if (!begin.starts_with(kBegin) ||
      std::from_chars(begin.data() + kBegin.size(), begin.data() + begin.size(), version).ec != std::errc{})
    return std::nullopt;
  return version;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw std::invalid_argument("--record=" + path.string() + " " + why);
}

int open_file(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | flags, 0600);
  if (fd < 0 && (errno != ENOENT || (flags & O_CREAT) != 0))
    refuse(path, "cannot be opened: " + error_text(errno) + kElsewhere);
  return fd;
}

// Empty, or a recording that may go on.
void check_content(int fd, std::uint64_t bytes, const std::filesystem::path& path) {
  if (bytes == 0) return;
  const std::optional<int> version = version_in(fd);
  if (!version) refuse(path, "holds something that is no recording: name a new file");
  if (*version > kRecordingVersion) refuse(path, "is of a later tegrascope: name a new file");
}

}  // namespace

// The file itself, on the disk thread once it runs.
struct RecordingFile::Sink {
  // `size`: of the file.
  Sink(int descriptor, std::uint64_t bytes) : fd(descriptor), size(static_cast<off_t>(bytes)) {}
  ~Sink() { ::close(fd); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Lines that end with a newline.
  void write(std::string_view text) {
    if (failed) return;
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        give_up(text.substr(0, text.size() - rest.size()), errno);
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    size += static_cast<off_t>(text.size());
  }

  // Lines that came later would stand behind a gap that nobody can see.
  void give_up(std::string_view written, int error) {
    failed = true;
    const bool cut = ::ftruncate(fd, size + static_cast<off_t>(written.rfind('\n') + 1)) == 0;
    log_error("the recording cannot be written and ends here, the agent goes on without",
              {{"error", error_text(error)}, {"last_line", cut ? "whole" : "cut"}});
  }

  const int fd;
  off_t size;  // of what was written whole
  std::atomic<bool> failed{false};
};

void RecordingFile::check(const std::filesystem::path& path) {
  const int fd = open_file(path, O_NONBLOCK);
  if (fd < 0) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      refuse(path, "cannot be opened: " + error_text(errno) + kElsewhere);
    return;
  }
  const Sink closes(fd, 0);
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) refuse(path, kNotRegular);
  check_content(fd, static_cast<std::uint64_t>(status.st_size), path);
}

RecordingFile::RecordingFile(const std::filesystem::path& path, std::uint64_t max_bytes, DiskThread& disk)
    : path_(path), max_bytes_(max_bytes), disk_(disk) {
  const int fd = open_file(path, O_CREAT);
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  // Before the size is asked for: the one who holds it writes.
  const bool held = regular && ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  bytes_ = regular && ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  sink_ = std::make_shared<Sink>(fd, bytes_);
  if (!regular) refuse(path, kNotRegular);
  if (held) refuse(path, "is written by another tegrascope: name another file");
  check_content(fd, bytes_, path);
  if (bytes_ == 0) return;
  // A line that was cut when the power went stays a line of its own.
  char last = '\n';
  if (::pread(fd, &last, 1, static_cast<off_t>(bytes_ - 1)) == 1 && last != '\n') waiting_ = "\n";
}

void RecordingFile::keep(const RecordedLine& line) {
  if (full_ || sink_->failed) return;
  if (bytes_ + waiting_.size() + line.text.size() > max_bytes_) {
    end_full(line);
    return;
  }
  waiting_ += line.text;
  ++waiting_lines_;
  kept_ = true;
  if (line.at - flushed_at_ < kFlushEvery && waiting_.size() < kFlushBytes) return;
  flushed_at_ = line.at;
  flush();
}

void RecordingFile::end_full(const RecordedLine& last) {
  full_ = true;
  RecordingEnd end;
  end.why = RecordingEnd::Why::full;
  end.at = last.at;
  // Else it would be the end of the run before.
  if (kept_) {
    waiting_ += encode(end);
    flush();
  }
  log_warn("the recording is full, nothing more is recorded; raise --recording.max-bytes for a longer one",
           {{"file", path_.string()}, {"bytes", std::to_string(bytes_)}});
}

void RecordingFile::flush() {
  const std::uint64_t lines = std::exchange(waiting_lines_, 0);
  std::string text = std::exchange(waiting_, {});
  if (text.empty()) return;
  if (lost_ > 0) text = encode(LostRecords{lost_}) + text;
  const std::size_t size = text.size();
  const bool accepted = disk_.post(size, [sink = sink_, text = std::move(text)] { sink->write(text); });
  lost_ = accepted ? 0 : lost_ + lines;
  if (accepted) bytes_ += size;
}

}  // namespace tegrascope
