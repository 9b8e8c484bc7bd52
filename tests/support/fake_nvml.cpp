// A libnvidia-ml.so whose answers a test writes. They stand in the file beside the library that is called as it is
// with ".answers" behind; every call reads it anew, so a test can change what the card says. A line is
//   KEY VALUE              of the library: init, shutdown, count
//   N.KEY VALUE            of GPU N: handle, name, utilization, memory (total used), power, energy, clock,
//                          max_clock, temperature, processes (pid bytes pid bytes ...), graphics (as processes)
// A value !CODE answers with that return code, a value `block` does not answer as long as it stands there. What
// has no line answers NotSupported, `init` and `handle` succeed. FAKE_NVML_OLD leaves out what drivers before
// 450 do not have.
#include <dlfcn.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kSuccess = 0;
constexpr int kUninitialized = 1;
constexpr int kInvalidArgument = 2;
constexpr int kNotSupported = 3;
constexpr int kInsufficientSize = 7;
constexpr int kArgumentVersionMismatch = 25;

std::atomic<int> references{0};
std::atomic<int> blocked{0};

std::string answers_file() {
  Dl_info self{};
  ::dladdr(reinterpret_cast<void*>(&answers_file), &self);
  return std::string(self.dli_fname) + ".answers";
}

std::optional<std::string> line_of(const std::string& key) {
  std::ifstream file(answers_file());
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size() + 1, key + " ") == 0) return line.substr(key.size() + 1);
  return std::nullopt;
}

// The code, and the text when it is 0.
int answer(const std::string& key, std::string& text, int without = kNotSupported) {
  auto line = line_of(key);
  if (line == "block") {
    ++blocked;
    while ((line = line_of(key)) == "block") {
      const timespec millisecond{0, 1000000};
      ::nanosleep(&millisecond, nullptr);
    }
    --blocked;
  }
  if (!line) return without;
  text = *line;
  return text.front() == '!' ? std::stoi(text.substr(1)) : kSuccess;
}

// A device is its index and one.
std::string key_of(void* device, const char* key) {
  return std::to_string(reinterpret_cast<std::uintptr_t>(device) - 1) + "." + key;
}

template <class T>
int number(void* device, const char* key, T* out) {
  if (references == 0) return kUninitialized;
  std::string text;
  const int code = answer(key_of(device, key), text);
  if (code == kSuccess) std::istringstream(text) >> *out;
  return code;
}

struct Process {
  unsigned pid;
  unsigned long long used;
};

template <class Entry>
int processes(void* device, const char* key, unsigned* count, Entry* out) {
  std::string text;
  const int code = answer(key_of(device, key), text);
  if (code != kSuccess) return code;
  std::istringstream in(text);
  std::vector<Process> list;
  for (Process p{}; in >> p.pid >> p.used;) list.push_back(p);
  const unsigned room = *count;
  *count = static_cast<unsigned>(list.size());
  if (list.size() > room) return kInsufficientSize;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::memset(&out[i], 0xff, sizeof(Entry));
    out[i].pid = list[i].pid;
    out[i].used = list[i].used;
  }
  return kSuccess;
}

int memory(void* device, unsigned long long& total, unsigned long long& used) {
  std::string text;
  const int code = answer(key_of(device, "memory"), text);
  if (code == kSuccess) std::istringstream(text) >> total >> used;
  return code;
}

struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};
struct MemoryV2 {
  unsigned version;
  unsigned long long total, reserved, free, used;
};
struct Temperature {
  unsigned version;
  int sensor;
  int celsius;
};
struct ProcessWithInstances {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};
constexpr unsigned long long kDriversOwn = 1000;  // bytes: what the first memory call counts as used

}  // namespace

extern "C" {

int fake_nvml_references() { return references; }
int fake_nvml_blocked() { return blocked; }

int nvmlInit() {
  std::string text;
  const int code = answer("init", text, kSuccess);
  if (code == kSuccess) ++references;
  return code;
}

int nvmlShutdown() {
  std::string text;
  const int code = answer("shutdown", text, kSuccess);
  if (code == kSuccess) --references;
  return code;
}

int nvmlDeviceGetCount(unsigned* count) {
  std::string text;
  const int code = answer("count", text);
  if (code == kSuccess) std::istringstream(text) >> *count;
  return code;
}

int nvmlDeviceGetHandleByIndex(unsigned index, void** device) {
  std::string text;
  *device = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index) + 1);
  return answer(key_of(*device, "handle"), text, kSuccess);
}

int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  std::string text;
  const int code = answer(key_of(device, "name"), text);
  if (code == kSuccess) std::strncpy(name, text.c_str(), size);
  return code;
}

int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  return number(device, "utilization", &rates->gpu);
}

int nvmlDeviceGetMemoryInfo(void* device, Memory* out) {
  const int code = memory(device, out->total, out->used);
  if (code == kSuccess && out->total > 0) out->used += kDriversOwn;
  return code;
}

int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  return number(device, "power", milliwatts);
}

int nvmlDeviceGetClockInfo(void* device, int type, unsigned* megahertz) {
  return type == 0 ? number(device, "clock", megahertz) : kInvalidArgument;
}

int nvmlDeviceGetMaxClockInfo(void* device, int type, unsigned* megahertz) {
  return type == 0 ? number(device, "max_clock", megahertz) : kInvalidArgument;
}

int nvmlDeviceGetComputeRunningProcesses(void* device, unsigned* count, Process* out) {
  return processes(device, "processes", count, out);
}

#ifdef FAKE_NVML_OLD

int nvmlDeviceGetTemperature(void* device, int sensor, unsigned* celsius) {
  return sensor == 0 ? number(device, "temperature", celsius) : kInvalidArgument;
}

#else

const char* nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "fake error"; }
int nvmlInit_v2() { return nvmlInit(); }
int nvmlDeviceGetCount_v2(unsigned* count) { return nvmlDeviceGetCount(count); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  return nvmlDeviceGetHandleByIndex(index, device);
}

int nvmlDeviceGetMemoryInfo_v2(void* device, MemoryV2* out) {
  if (out->version != (sizeof(MemoryV2) | 2U << 24U)) return kArgumentVersionMismatch;
  return memory(device, out->total, out->used);
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  return number(device, "energy", millijoules);
}

int nvmlDeviceGetTemperatureV(void* device, Temperature* out) {
  if (out->version != (sizeof(Temperature) | 1U << 24U)) return kArgumentVersionMismatch;
  return number(device, "temperature", &out->celsius);
}

int nvmlDeviceGetComputeRunningProcesses_v2(void*, unsigned*, ProcessWithInstances*) {
  return kInvalidArgument;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, ProcessWithInstances* out) {
  return processes(device, "processes", count, out);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void* device, unsigned* count, ProcessWithInstances* out) {
  return processes(device, "graphics", count, out);
}

#endif

}  // extern "C"
