// NVIDIA's management library, loaded while the agent runs: nothing is linked, and a machine without it lacks
// nothing. Every function is optional: one that the library does not have answers kFunctionNotFound. Where a
// driver has only an older form of a function, that one is used.
//
// Any thread; each call may block in the driver. Figures are NVML's own units.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "collectors/nvml/nvml_api.hpp"

namespace tegrascope {

template <class T>
struct NvmlAnswer {
  nvml::Return code = nvml::kFunctionNotFound;
  T value{};  // when code is kSuccess
  explicit operator bool() const { return code == nvml::kSuccess; }
};

struct NvmlMemory {
  unsigned long long total = 0;
  unsigned long long used = 0;
};

struct NvmlProcess {
  unsigned pid = 0;  // as the driver's own pid namespace counts
  unsigned long long used = 0;
};

class NvmlLibrary {
 public:
  // `name`: as for dlopen(3); empty: libnvidia-ml.so.1, then libnvidia-ml.so. Null when it cannot be loaded;
  // `error` then says why, and is empty when there is simply no such file.
  static std::shared_ptr<NvmlLibrary> load(const std::filesystem::path& name, std::string& error);
  ~NvmlLibrary();  // unloads: no thread may be in it
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  nvml::Return init() const;
  nvml::Return shutdown() const;
  // NVML's words for a code; with the number where it has none.
  std::string error_text(nvml::Return code) const;

  NvmlAnswer<unsigned> device_count() const;
  NvmlAnswer<nvml::Device> device(unsigned index) const;
  NvmlAnswer<std::string> name(nvml::Device device) const;
  NvmlAnswer<unsigned> utilization_percent(nvml::Device device) const;
  // Without what the driver keeps for itself, where the driver can tell (nvmlDeviceGetMemoryInfo_v2).
  NvmlAnswer<NvmlMemory> memory_bytes(nvml::Device device) const;
  NvmlAnswer<unsigned> power_milliwatts(nvml::Device device) const;
  NvmlAnswer<unsigned long long> energy_millijoules(
      nvml::Device device) const;                                   // since the driver was loaded
  NvmlAnswer<unsigned> clock_megahertz(nvml::Device device) const;  // graphics
  NvmlAnswer<unsigned> max_clock_megahertz(nvml::Device device) const;
  NvmlAnswer<int> temperature_celsius(nvml::Device device) const;
  // Compute and graphics; a process that is in both lists once, with the larger figure (jetson_stats#852), and
  // not at all when the driver does not know its memory.
  NvmlAnswer<std::vector<NvmlProcess>> processes(nvml::Device device) const;

 private:
  struct Functions;
  explicit NvmlLibrary(void* handle);

  void* handle_;
  std::unique_ptr<Functions> functions_;
};

}  // namespace tegrascope
