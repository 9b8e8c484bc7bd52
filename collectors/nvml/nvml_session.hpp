// NVML initialised, and the GPUs that it lists. A driver without persistence mode takes seconds to start its
// GPUs, and a broken one never ends, so both the start and the end happen on threads of their own.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/model/reading.hpp"
#include "collectors/nvml/nvml_library.hpp"

namespace tegrascope {

// What sysfs says of this machine's own GPU; it is the number 0.
struct IntegratedGpu {
  bool present = false;
  bool has_load = false;   // its load is read from sysfs
  bool has_clock = false;  // its clock is read from sysfs
};

struct NvmlGpu {
  nvml::Device handle = nullptr;
  std::string number;  // the `gpu` label
  std::string name;    // as NVML spells it
  bool integrated = false;
};

class NvmlSession {
 public:
  struct Start {
    std::filesystem::path library;  // as for NvmlLibrary::load
    IntegratedGpu integrated;
  };
  // Begins to load and to list; ends `previous` before, so that a driver that was replaced is found.
  // Throws std::system_error when there is no thread to be had.
  static std::shared_ptr<NvmlSession> begin(Start start, std::shared_ptr<NvmlSession> previous);
  // Ends it without waiting longer than `patience`.
  static void end(std::shared_ptr<NvmlSession> session, Nanoseconds patience);

  ~NvmlSession();  // nvmlShutdown; may block
  NvmlSession(const NvmlSession&) = delete;
  NvmlSession& operator=(const NvmlSession&) = delete;

  // Any thread. While false nothing else may be asked.
  bool started() const { return started_; }

  // No driver, no library, or no GPU whose answers mean something: nvgpu, the driver of Jetsons up to Orin, fills
  // NVML with NotSupported or with success and zeros (nv-monitor#17, jetson_stats#889). Its GPU is known by its name
  // "... (nvgpu)" or by a memory of 0 bytes, which no working GPU has, and none of its answers is used.
  bool absent() const { return gpus_.empty() && errors_.empty(); }
  const std::vector<NvmlGpu>& gpus() const { return gpus_; }
  // Why it did not start, and GPUs that it lists and cannot reach.
  const std::vector<ReadError>& errors() const { return errors_; }
  const NvmlLibrary& library() const { return *library_; }

 private:
  explicit NvmlSession(Start start) : start_(std::move(start)) {}
  void run();
  void list_gpus(unsigned count);
  void add_error(nvml::Return code, const std::string& what);

  Start start_;
  std::shared_ptr<NvmlLibrary> library_;
  bool initialised_ = false;
  std::vector<NvmlGpu> gpus_;
  std::vector<ReadError> errors_;
  std::atomic<bool> started_{false};
};

// The code only says that there is no such figure.
bool nvml_has_no_value(nvml::Return code);
// The error of a call. `what`: the function and the GPU; `text`: NVML's words for the code.
ReadError nvml_error(nvml::Return code, const std::string& what, const std::string& text);

}  // namespace tegrascope
