// Whether a process has code for a GPU mapped, from PROCFS/PID/maps. Needs its user's rights (or CAP_SYS_PTRACE).
//
// Ollama's engine maps its backend when it starts: libggml-cuda with libcuda (JetPack: libcuda.so.1.1 or
// libnvcuda), or one of the Vulkan and ROCm backends. One that was left without a GPU maps none of them.
#pragma once

#include <optional>
#include <string_view>

#include "agent/model/time.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

// Of the text of a maps file; nothing of an empty one, which the kernel gives to who may not look.
std::optional<bool> maps_gpu_library(std::string_view maps);

// Looks at one process now and then: every few seconds in its first minute, then once a minute, and never again once
// it has found GPU code. One thread at a time. A file that may not be read is no error.
class GpuLibraryWatch {
 public:
  GpuLibraryWatch(const std::filesystem::path& folder, MonotonicTime born)
      : path_(folder / "maps"), born_(born), next_(born + kSettle) {}

  void look(MonotonicTime now, std::string& buffer);
  // Absent: not looked yet, or not readable.
  std::optional<bool> found() const { return found_; }

 private:
  // A backend is mapped within the first second.
  static constexpr Nanoseconds kSettle = std::chrono::milliseconds(2000);

  std::filesystem::path path_;
  MonotonicTime born_;
  MonotonicTime next_;
  std::optional<bool> found_;
};

}  // namespace tegrascope
