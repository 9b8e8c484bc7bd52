#include "simulator/in_place_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tegrascope::simulator {

InPlaceFile::InPlaceFile(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  fd_ = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create " + path.string());
  write(text);
}

InPlaceFile::~InPlaceFile() {
  if (fd_ >= 0) ::close(fd_);
}

InPlaceFile::InPlaceFile(InPlaceFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

void InPlaceFile::write(std::string_view text) {
  const std::size_t length = std::max(buffer_.size(), (text.size() + 7) / 8 * 8);
  std::vector<char> next(length, '\n');
  std::copy(text.begin(), text.end(), next.begin());
  if (next == buffer_) return;
  buffer_ = std::move(next);
  const ssize_t written = ::pwrite(fd_, buffer_.data(), buffer_.size(), 0);
  if (written != static_cast<ssize_t>(buffer_.size()))
    throw std::system_error(written < 0 ? errno : ENOSPC, std::generic_category(),
                            "cannot rewrite a file of the simulated board");
}

}  // namespace tegrascope::simulator
