#include "agent/app/recording_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

constexpr Nanoseconds kFlushEvery = std::chrono::seconds(1);
constexpr std::size_t kFlushBytes = 256u << 10;
constexpr std::string_view kBegin = "{\"k\":\"head\",\"format\":\"tegrascope-recording\"";

std::string error_text(int error) { return std::generic_category().message(error); }

// Whether the first bytes are a recording's; `size` bytes are there.
bool is_recording(int fd, std::uint64_t size) {
  std::array<char, kBegin.size()> begin{};
  return size >= begin.size() &&
         ::pread(fd, begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size()) &&
         std::string_view(begin.data(), begin.size()) == kBegin;
}

}  // namespace

// The file itself, on the disk thread once it runs.
struct RecordingFile::Sink {
  explicit Sink(int descriptor) : fd(descriptor) {}
  ~Sink() { ::close(fd); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        if (!std::exchange(failed, true))
          log_error("the recording cannot be written, the agent goes on without",
                    {{"error", error_text(errno)}});
        return;
      }
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  const int fd;
  bool failed = false;
};

RecordingFile::RecordingFile(const std::filesystem::path& path, std::uint64_t max_bytes, DiskThread& disk)
    : path_(path), max_bytes_(max_bytes), disk_(disk) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0) {
    throw std::invalid_argument("--record=" + path.string() + " cannot be opened: " + error_text(errno) +
                                "; name a file in a folder that the agent may write to");
  }
  sink_ = std::make_shared<Sink>(fd);
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    throw std::invalid_argument("--record=" + path.string() + " is no regular file: name another");
  bytes_ = static_cast<std::uint64_t>(status.st_size);
  if (bytes_ == 0) return;
  if (!is_recording(fd, bytes_)) {
    throw std::invalid_argument("--record=" + path.string() +
                                " holds something that is no recording: name a new file");
  }
  // A line that was cut when the power went stays a line of its own.
  char last = '\n';
  if (::pread(fd, &last, 1, static_cast<off_t>(bytes_ - 1)) == 1 && last != '\n') waiting_ = "\n";
}

void RecordingFile::keep(const RecordedLine& line) {
  if (full_) return;
  if (bytes_ + waiting_.size() + line.text.size() > max_bytes_) {
    end_full(line);
    return;
  }
  waiting_ += line.text;
  ++waiting_lines_;
  if (line.at - flushed_at_ < kFlushEvery && waiting_.size() < kFlushBytes) return;
  flushed_at_ = line.at;
  flush();
}

void RecordingFile::end_full(const RecordedLine& last) {
  full_ = true;
  RecordingEnd end;
  end.why = RecordingEnd::Why::full;
  end.at = last.at;
  waiting_ += encode(end);
  flush();
  log_warn("the recording is full, nothing more is recorded; raise --record.max-bytes for a longer one",
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
