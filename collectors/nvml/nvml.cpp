#include "collectors/nvml/nvml.hpp"

#include <system_error>
#include <utility>

#include "collectors/jetson/board.hpp"
#include "collectors/jetson/gpu_device.hpp"
#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kLongestStart = 10s;
constexpr Nanoseconds kPatienceAtTheEnd = 200ms;
constexpr double kMostWatts = 10'000;
constexpr double kMostMegahertz = 100'000;

// Containers share the kernel's boot id with their host; a captured tree has none.
bool is_this_machine(const HostPaths& paths) {
  if (paths.procfs == "/proc") return true;
  const std::string theirs = read_once(paths.procfs / "sys/kernel/random/boot_id");
  return !theirs.empty() && theirs == read_once("/proc/sys/kernel/random/boot_id");
}

bool means_lost(nvml::Return code) {
  return code == nvml::kUninitialized || code == nvml::kDriverNotLoaded || code == nvml::kGpuIsLost ||
         code == nvml::kResetRequired || code == nvml::kLibRmVersionMismatch || code == nvml::kGpuNotFound;
}

// The calls of one GPU in one slot, each under the sampler's watch.
class GpuReader {
 public:
  GpuReader(const NvmlSession& session, const NvmlGpu& gpu, const std::filesystem::path& path, Batch& out)
      : library_(session.library()), gpu_(gpu), path_(path), out_(out) {}

  bool lost() const { return lost_; }

  // Nothing where there is no value; errors go to the batch. After a loss nothing more is asked.
  template <class T>
  std::optional<T> ask(const char* function, NvmlAnswer<T> (NvmlLibrary::*query)(nvml::Device) const) {
    if (stopped_) return std::nullopt;
    const WatchedRead watched(path_);
    stopped_ = watched.refused();
    if (stopped_) return std::nullopt;
    const MonotonicTime before = monotonic_now();
    NvmlAnswer<T> answer = (library_.*query)(gpu_.handle);
    at_ = before + (monotonic_now() - before) / 2;
    if (answer) return std::move(answer.value);
    if (nvml_has_no_value(answer.code)) return std::nullopt;
    stopped_ = lost_ = means_lost(answer.code);
    out_.errors.push_back(nvml_error(answer.code, what(function), library_.error_text(answer.code)));
    return std::nullopt;
  }

  // Reads a number and emits it, in base units.
  template <class T>
  void emit(Signal signal, const std::string& instance, const char* function,
            NvmlAnswer<T> (NvmlLibrary::*query)(nvml::Device) const, double scale, double min, double max) {
    const auto number = ask(function, query);
    if (!number) return;
    const auto value = static_cast<double>(*number);
    if (value < min || value > max) {
      // Where 0 is no value it is below `min`.
      if (value != 0)
        out_.errors.push_back({ErrorReason::range, what(function) + ": " + std::to_string(*number) +
                                                       " is not plausible; see what nvidia-smi says"});
      return;
    }
    add(signal, instance, value * scale);
  }

  void add(Signal signal, const std::string& instance, double value) {
    out_.readings.push_back({signal, instance, "", value, at_});
  }

 private:
  std::string what(const char* function) const {
    return path_.string() + ": " + function + " of GPU " + gpu_.number + " (" + gpu_.name + ")";
  }

  const NvmlLibrary& library_;
  const NvmlGpu& gpu_;
  const std::filesystem::path& path_;
  Batch& out_;
  MonotonicTime at_{};
  bool stopped_ = false;
  bool lost_ = false;
};

}  // namespace

NvmlCollector::NvmlCollector(const HostPaths& paths, Mode mode)
    : paths_(paths),
      mode_(mode),
      watched_name_(paths.nvml_library.empty() ? "libnvidia-ml.so.1" : paths.nvml_library) {}

NvmlCollector::~NvmlCollector() { NvmlSession::end(std::move(session_), kPatienceAtTheEnd); }

bool NvmlCollector::wanted(MonotonicTime now) {
  if (!decide_.due(now)) return wanted_;
  const auto place = find_gpu_device(paths_.sysfs);
  integrated_.present = place.has_value();
  integrated_.has_load = place && !place->device.empty();
  integrated_.has_clock = place && !place->devfreq.empty();
  const bool here = !paths_.nvml_library.empty() || is_this_machine(paths_);
  wanted_ = mode_ == Mode::always || (here && (!integrated_.has_load || has_nvidia_card(paths_)));
  return wanted_;
}

void NvmlCollector::start(MonotonicTime now, Batch& out) {
  try {
    session_ = NvmlSession::begin({paths_.nvml_library, integrated_}, std::move(session_));
    session_began_ = now;
    lost_ = false;
  } catch (const std::system_error& error) {
    out.errors.push_back({ErrorReason::missing, watched_name_.string() + ": no thread to start it: " +
                                                    error.what() + "; it is tried again every 10 s"});
  }
}

void NvmlCollector::collect(Batch& out) {
  const MonotonicTime now = slot_time(out);
  out.absent = !wanted(now);
  if (out.absent) return;
  if (WatchedRead(watched_name_).refused()) return;

  const bool failed = session_ && session_->started() && (lost_ || !session_->errors().empty());
  const bool nothing = !session_ || (session_->started() && session_->absent());
  if (nothing ? start_.due(now) : failed && start_after_failure_.due(now)) start(now, out);
  if (!session_ || !session_->started()) {
    const Nanoseconds waited = now - session_began_;
    if (session_ && waited > kLongestStart)
      out.errors.push_back({ErrorReason::timeout, watched_name_.string() +
                                                      ": nvmlInit has not returned for " +
                                                      std::to_string(static_cast<int>(to_seconds(waited))) +
                                                      " s; see the kernel's log for NVRM lines"});
    out.absent = was_absent_ && out.errors.empty();
    return;
  }

  out.absent = was_absent_ = session_->absent();
  out.errors.insert(out.errors.end(), session_->errors().begin(), session_->errors().end());
  if (session_->gpus().empty()) return;
  const bool details = details_.due(now);
  bool all_listed = details;
  for (const NvmlGpu& gpu : session_->gpus()) all_listed = read_gpu(gpu, details, out) && all_listed;
  out.lists_gpu_processes = all_listed;
}

bool NvmlCollector::read_gpu(const NvmlGpu& gpu, bool details, Batch& out) {
  GpuReader reader(*session_, gpu, watched_name_, out);
  const std::string& number = gpu.number;
  const std::string part = "gpu" + number;
  if (!gpu.integrated || !integrated_.has_load)
    reader.emit(Signal::gpu_utilization_ratio, number, "nvmlDeviceGetUtilizationRates",
                &NvmlLibrary::utilization_percent, 0.01, 0, 100);
  if (!gpu.integrated) {
    // Energy before power: a rail with a counter is not integrated.
    reader.emit(Signal::rail_energy_joules, part, "nvmlDeviceGetTotalEnergyConsumption",
                &NvmlLibrary::energy_millijoules, 1e-3, 1, 1e18);
    reader.emit(Signal::rail_power_watts, part, "nvmlDeviceGetPowerUsage", &NvmlLibrary::power_milliwatts,
                1e-3, 1, kMostWatts * 1e3);
  }
  bool listed = false;
  if (details) {
    if (!gpu.integrated || !integrated_.has_clock) {
      reader.emit(Signal::gpu_frequency_hertz, number, "nvmlDeviceGetClockInfo",
                  &NvmlLibrary::clock_megahertz, 1e6, 1, kMostMegahertz);
      reader.emit(Signal::gpu_frequency_max_hertz, number, "nvmlDeviceGetMaxClockInfo",
                  &NvmlLibrary::max_clock_megahertz, 1e6, 1, kMostMegahertz);
    }
    if (!gpu.integrated) {
      reader.emit(Signal::temperature_celsius, part, "nvmlDeviceGetTemperature",
                  &NvmlLibrary::temperature_celsius, 1, -60, 200);
      if (const auto memory = reader.ask("nvmlDeviceGetMemoryInfo", &NvmlLibrary::memory_bytes)) {
        reader.add(Signal::gpu_memory_total_bytes, number, static_cast<double>(memory->total));
        reader.add(Signal::gpu_memory_used_bytes, number, static_cast<double>(memory->used));
      }
    }
    if (const auto list = reader.ask("nvmlDeviceGetComputeRunningProcesses", &NvmlLibrary::processes)) {
      listed = true;
      for (const NvmlProcess& process : *list)
        out.gpu_processes.push_back({process.pid, number, process.used});
    }
  }
  lost_ = lost_ || reader.lost();
  return listed;
}

}  // namespace tegrascope
