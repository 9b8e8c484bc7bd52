// The few types and return codes of NVIDIA's management library that are used here, declared anew: its ABI is
// stable and the header is no part of most systems. Names follow nvml.h.
#pragma once

namespace tegrascope::nvml {

using Device = void*;  // nvmlDevice_t

// nvmlReturn_t
using Return = int;
inline constexpr Return kSuccess = 0;
inline constexpr Return kUninitialized = 1;
inline constexpr Return kNotSupported = 3;
inline constexpr Return kNoPermission = 4;
inline constexpr Return kInsufficientSize = 7;
inline constexpr Return kDriverNotLoaded = 9;
inline constexpr Return kTimeout = 10;
inline constexpr Return kLibraryNotFound = 12;
inline constexpr Return kFunctionNotFound = 13;
inline constexpr Return kGpuIsLost = 15;
inline constexpr Return kResetRequired = 16;
inline constexpr Return kLibRmVersionMismatch = 18;
inline constexpr Return kNoData = 21;
inline constexpr Return kArgumentVersionMismatch = 25;
inline constexpr Return kDeprecated = 26;
inline constexpr Return kNotReady = 27;
inline constexpr Return kGpuNotFound = 28;

inline constexpr int kClockGraphics = 0;   // nvmlClockType_t
inline constexpr int kTemperatureGpu = 0;  // nvmlTemperatureSensors_t
inline constexpr unsigned kNameSize = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE

struct Utilization {  // nvmlUtilization_t, percent
  unsigned gpu = 0;
  unsigned memory = 0;
};

struct Memory {  // nvmlMemory_t, bytes
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;  // with what the driver keeps for itself
};

struct MemoryV2 {  // nvmlMemory_v2_t, bytes
  unsigned version = 0;
  unsigned long long total = 0;
  unsigned long long reserved = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};

struct TemperatureV1 {  // nvmlTemperature_v1_t
  unsigned version = 0;
  int sensor = kTemperatureGpu;
  int celsius = 0;
};

struct ProcessV1 {  // of ...RunningProcesses
  unsigned pid = 0;
  unsigned long long used = 0;
};

struct ProcessV2 {  // of ...RunningProcesses_v2 and _v3
  unsigned pid = 0;
  unsigned long long used = 0;
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
};

// `used` of a process whose memory the driver does not know.
inline constexpr unsigned long long kValueNotAvailable = ~0ULL;

// The version field of a struct that has one.
template <class T>
constexpr unsigned version_of(unsigned version) {
  return static_cast<unsigned>(sizeof(T)) | version << 24U;
}

static_assert(sizeof(Memory) == 24 && sizeof(MemoryV2) == 40 && sizeof(TemperatureV1) == 12);
static_assert(sizeof(ProcessV1) == 16 && sizeof(ProcessV2) == 24);

}  // namespace tegrascope::nvml
