// Replaces pread(2) in the test program: a file whose text is "(EAGAIN)" and the like fails with that errno,
// which a plain file cannot do and a gated sensor does.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

extern "C" ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  const ssize_t count = ::syscall(SYS_pread64, fd, data, size, offset);
  if (count <= 0) return count;
  static constexpr std::array<std::pair<std::string_view, int>, 8> kErrors{{{"(EAGAIN)", EAGAIN},
                                                                            {"(ENODATA)", ENODATA},
                                                                            {"(ENXIO)", ENXIO},
                                                                            {"(EIO)", EIO},
                                                                            {"(EACCES)", EACCES},
                                                                            {"(ETIMEDOUT)", ETIMEDOUT},
                                                                            {"(ENODEV)", ENODEV},
                                                                            {"(EOPNOTSUPP)", EOPNOTSUPP}}};
  const std::string_view text(static_cast<const char*>(data), static_cast<size_t>(count));
  for (const auto& [mark, error] : kErrors) {
    if (!text.starts_with(mark)) continue;
    errno = error;
    return -1;
  }
  return count;
}
