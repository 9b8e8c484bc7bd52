#include "collectors/linux/gpu_library.hpp"

#include <algorithm>
#include <array>

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 6> kLibraries{"/libggml-cuda",   "/libcuda.so",  "/libcudart",
                                                     "/libggml-vulkan", "/libggml-hip", "/libcublas"};
constexpr Nanoseconds kYoung = std::chrono::minutes(1);
constexpr Nanoseconds kEveryYoung = std::chrono::seconds(5);
constexpr Nanoseconds kEvery = std::chrono::minutes(1);

}  // namespace

std::optional<bool> maps_gpu_library(std::string_view maps) {
  if (maps.empty()) return std::nullopt;
  return std::any_of(kLibraries.begin(), kLibraries.end(),
                     [&](std::string_view name) { return maps.find(name) != std::string_view::npos; });
}

void GpuLibraryWatch::look(MonotonicTime now, std::string& buffer) {
  if (found_ == true || now < next_) return;
  next_ = now + (now - born_ < kYoung ? kEveryYoung : kEvery);
  auto file = SysfsFile::if_present(path_);
  // The first page tells whether it may be read at all; that it may not is usual, and no error to report.
  if (!file || !file->read_text(buffer)) {
    found_.reset();
    return;
  }
  const auto maps = read_whole(path_);
  found_ = maps ? maps_gpu_library(*maps) : std::nullopt;
}

}  // namespace tegrascope
