#include "collectors/nvml/nvml_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tegrascope {
namespace {

using nvml::Device;
using nvml::Return;

// In driver 535 the last struct had 32 bytes for some releases; room for them is cheap.
constexpr std::size_t kLargestProcess = 32;
constexpr unsigned kFirstRoom = 32;  // processes

template <class... Parameters>
using Function = Return (*)(Parameters...);

// The newest form of a function that the driver answers to.
template <class... Calls>
Return first_supported(Calls... calls) {
  Return code = nvml::kFunctionNotFound;
  const auto try_one = [&code](auto& call) {
    code = call();
    return code != nvml::kFunctionNotFound && code != nvml::kArgumentVersionMismatch &&
           code != nvml::kDeprecated;
  };
  (try_one(calls) || ...);
  return code;
}

template <class... Parameters, class... Arguments>
Return call(Function<Parameters...> function, Arguments... arguments) {
  return function == nullptr ? nvml::kFunctionNotFound : function(arguments...);
}

using ListProcesses = Function<Device, unsigned*, void*>;

template <class Process>
Return list_processes(ListProcesses function, Device device, std::vector<NvmlProcess>& out) {
  if (function == nullptr) return nvml::kFunctionNotFound;
  std::vector<unsigned char> buffer;
  unsigned count = kFirstRoom;
  Return code = nvml::kInsufficientSize;
  for (int attempt = 0; attempt < 4 && code == nvml::kInsufficientSize; ++attempt) {
    buffer.assign(count * kLargestProcess, 0);
    const unsigned room = count;
    code = function(device, &count, buffer.data());
    if (code == nvml::kSuccess) count = std::min(count, room);
    if (code == nvml::kInsufficientSize) count = std::max(count, room) + kFirstRoom;
  }
  if (code != nvml::kSuccess) return code;
  for (unsigned i = 0; i < count; ++i) {
    Process process;
    std::memcpy(&process, buffer.data() + i * sizeof(Process), sizeof(Process));
    if (process.used == nvml::kValueNotAvailable) continue;
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const NvmlProcess& p) { return p.pid == process.pid; });
    if (same == out.end())
      out.push_back({process.pid, process.used});
    else
      same->used = std::max(same->used, process.used);
  }
  return code;
}

}  // namespace

struct NvmlLibrary::Functions {
  explicit Functions(void* handle) {
    const auto find = [handle](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
    };
    find("nvmlInit_v2", init_v2);
    find("nvmlInit", init);
    find("nvmlShutdown", shutdown);
    find("nvmlErrorString", error_string);
    find("nvmlDeviceGetCount_v2", count_v2);
    find("nvmlDeviceGetCount", count);
    find("nvmlDeviceGetHandleByIndex_v2", handle_v2);
    find("nvmlDeviceGetHandleByIndex", handle_v1);
    find("nvmlDeviceGetName", device_name);
    find("nvmlDeviceGetUtilizationRates", utilization);
    find("nvmlDeviceGetMemoryInfo_v2", memory_v2);
    find("nvmlDeviceGetMemoryInfo", memory);
    find("nvmlDeviceGetPowerUsage", power);
    find("nvmlDeviceGetTotalEnergyConsumption", energy);
    find("nvmlDeviceGetClockInfo", clock);
    find("nvmlDeviceGetMaxClockInfo", max_clock);
    find("nvmlDeviceGetTemperature", temperature);
    find("nvmlDeviceGetTemperatureV", temperature_v);
    const auto find_lists = [&](const std::string& base, Lists& lists) {
      find((base + "_v3").c_str(), lists.v3);
      find((base + "_v2").c_str(), lists.v2);
      find(base.c_str(), lists.v1);
    };
    find_lists("nvmlDeviceGetComputeRunningProcesses", compute);
    find_lists("nvmlDeviceGetGraphicsRunningProcesses", graphics);
  }

  struct Lists {
    ListProcesses v3, v2, v1;
    Return read(Device device, std::vector<NvmlProcess>& out) const {
      return first_supported([&] { return list_processes<nvml::ProcessV2>(v3, device, out); },
                             [&] { return list_processes<nvml::ProcessV2>(v2, device, out); },
                             [&] { return list_processes<nvml::ProcessV1>(v1, device, out); });
    }
  };

  Function<> init_v2, init, shutdown;
  const char* (*error_string)(Return);
  Function<unsigned*> count_v2, count;
  Function<unsigned, Device*> handle_v2, handle_v1;
  Function<Device, char*, unsigned> device_name;
  Function<Device, nvml::Utilization*> utilization;
  Function<Device, nvml::MemoryV2*> memory_v2;
  Function<Device, nvml::Memory*> memory;
  Function<Device, unsigned*> power;
  Function<Device, unsigned long long*> energy;
  Function<Device, int, unsigned*> clock, max_clock, temperature;
  Function<Device, nvml::TemperatureV1*> temperature_v;
  Lists compute, graphics;
};

std::shared_ptr<NvmlLibrary> NvmlLibrary::load(const std::filesystem::path& name, std::string& error) {
  error.clear();
  const std::vector<std::string> names =
      name.empty() ? std::vector<std::string>{"libnvidia-ml.so.1", "libnvidia-ml.so"}
                   : std::vector<std::string>{name.string()};
  for (const std::string& candidate : names) {
    if (void* handle = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL))
      return std::shared_ptr<NvmlLibrary>(new NvmlLibrary(handle));
    const char* said = ::dlerror();
    const std::string text = said == nullptr ? candidate + ": dlopen failed" : said;
    const bool no_file = text.starts_with(candidate + ":") && text.find("No such file") != std::string::npos;
    if (error.empty() && !no_file) error = text;
  }
  return nullptr;
}

NvmlLibrary::NvmlLibrary(void* handle) : handle_(handle), functions_(std::make_unique<Functions>(handle)) {}

NvmlLibrary::~NvmlLibrary() { ::dlclose(handle_); }

Return NvmlLibrary::init() const {
  return first_supported([this] { return call(functions_->init_v2); },
                         [this] { return call(functions_->init); });
}

Return NvmlLibrary::shutdown() const { return call(functions_->shutdown); }

std::string NvmlLibrary::error_text(Return code) const {
  const char* text = functions_->error_string == nullptr ? nullptr : functions_->error_string(code);
  return text == nullptr ? "error " + std::to_string(code) : text;
}

NvmlAnswer<unsigned> NvmlLibrary::device_count() const {
  NvmlAnswer<unsigned> answer;
  answer.code = first_supported([&] { return call(functions_->count_v2, &answer.value); },
                                [&] { return call(functions_->count, &answer.value); });
  return answer;
}

NvmlAnswer<Device> NvmlLibrary::device(unsigned index) const {
  NvmlAnswer<Device> answer;
  answer.code = first_supported([&] { return call(functions_->handle_v2, index, &answer.value); },
                                [&] { return call(functions_->handle_v1, index, &answer.value); });
  return answer;
}

NvmlAnswer<std::string> NvmlLibrary::name(Device device) const {
  std::array<char, nvml::kNameSize + 1> text{};
  const Return code = call(functions_->device_name, device, text.data(), nvml::kNameSize);
  return {code, text.data()};
}

NvmlAnswer<unsigned> NvmlLibrary::utilization_percent(Device device) const {
  nvml::Utilization rates;
  const Return code = call(functions_->utilization, device, &rates);
  return {code, rates.gpu};
}

NvmlAnswer<NvmlMemory> NvmlLibrary::memory_bytes(Device device) const {
  NvmlAnswer<NvmlMemory> answer;
  answer.code = first_supported(
      [&] {
        nvml::MemoryV2 memory;
        memory.version = nvml::version_of<nvml::MemoryV2>(2);
        const Return code = call(functions_->memory_v2, device, &memory);
        answer.value = {memory.total, memory.used};
        return code;
      },
      [&] {
        nvml::Memory memory;
        const Return code = call(functions_->memory, device, &memory);
        answer.value = {memory.total, memory.used};
        return code;
      });
  return answer;
}

NvmlAnswer<unsigned> NvmlLibrary::power_milliwatts(Device device) const {
  NvmlAnswer<unsigned> answer;
  answer.code = call(functions_->power, device, &answer.value);
  return answer;
}

NvmlAnswer<unsigned long long> NvmlLibrary::energy_millijoules(Device device) const {
  NvmlAnswer<unsigned long long> answer;
  answer.code = call(functions_->energy, device, &answer.value);
  return answer;
}

NvmlAnswer<unsigned> NvmlLibrary::clock_megahertz(Device device) const {
  NvmlAnswer<unsigned> answer;
  answer.code = call(functions_->clock, device, nvml::kClockGraphics, &answer.value);
  return answer;
}

NvmlAnswer<unsigned> NvmlLibrary::max_clock_megahertz(Device device) const {
  NvmlAnswer<unsigned> answer;
  answer.code = call(functions_->max_clock, device, nvml::kClockGraphics, &answer.value);
  return answer;
}

NvmlAnswer<int> NvmlLibrary::temperature_celsius(Device device) const {
  NvmlAnswer<int> answer;
  answer.code = first_supported(
      [&] {
        unsigned celsius = 0;
        const Return code = call(functions_->temperature, device, nvml::kTemperatureGpu, &celsius);
        answer.value = static_cast<int>(celsius);
        return code;
      },
      [&] {
        nvml::TemperatureV1 temperature;
        temperature.version = nvml::version_of<nvml::TemperatureV1>(1);
        const Return code = call(functions_->temperature_v, device, &temperature);
        answer.value = temperature.celsius;
        return code;
      });
  return answer;
}

NvmlAnswer<std::vector<NvmlProcess>> NvmlLibrary::processes(Device device) const {
  NvmlAnswer<std::vector<NvmlProcess>> answer;
  const Return compute = functions_->compute.read(device, answer.value);
  const Return graphics = functions_->graphics.read(device, answer.value);
  answer.code = compute == nvml::kSuccess || graphics != nvml::kSuccess ? compute : graphics;
  return answer;
}

}  // namespace tegrascope
