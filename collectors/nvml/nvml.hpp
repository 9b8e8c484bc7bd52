// Collector "nvml": NVIDIA cards, and the integrated GPU of Thor, through NVIDIA's management library, which is
// loaded when it is there (nvml_library.hpp).
//
// Of a card (instance: its number; zone and rail "gpu" and its number):
//   gpu_utilization_ratio   mean over the driver's own window, 1/6 to 1 s by product
//   rail_power_watts, rail_energy_joules  the card's own: no board_power_watts, for a card is not the board
//   once a second: gpu_frequency_hertz (graphics), gpu_frequency_max_hertz (what the card can do, not a limit in
//   force), temperature_celsius, gpu_memory_total_bytes, gpu_memory_used_bytes
// Of a board's integrated GPU only what sysfs lacks: on Thor gpu_utilization_ratio, and the clocks if devfreq
// does not tell. Its memory is the board's, its power and heat are read by `rails` and `thermal`.
// Of both, once a second: the memory of each process (Batch::gpu_processes).
//
// The integrated GPU is number 0 and cards follow it, in NVML's order; without one cards count from 0.
//
// No figure, no reading: NotSupported; GPUs of nvgpu (NvmlSession::absent); a clock, a power or an energy of 0,
// which no GPU that answers has. `absent`: no library, no driver (DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND), no such
// GPU; looked for again every 10 s. NO_PERMISSION is an error `permission`, TIMEOUT `timeout`, every other code (as
// GPU_IS_LOST) `missing`; after those the library is started anew at most once a minute.
//
// Calls that block are the sampler's matter, under the library's name as their path: it is quarantined as a
// file is. Loading and starting happen beside the sampler (nvml_session.hpp), so there is nothing to read in the
// first slot; after 10 s without an end they are an error `timeout`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collectors/collector.hpp"
#include "collectors/nvml/nvml_session.hpp"
#include "collectors/probe.hpp"

namespace tegrascope {

class NvmlCollector final : public Collector {
 public:
  // where_sysfs_lacks: neither on a Jetson whose GPU load is in sysfs, unless it has a card as well, nor where
  // PROCFS is another machine's (a test's tree), unless the library is named.
  enum class Mode { always, where_sysfs_lacks };
  explicit NvmlCollector(const HostPaths& paths, Mode mode = Mode::always);
  ~NvmlCollector() override;
  std::string_view name() const noexcept override { return "nvml"; }
  void collect(Batch& out) override;

 private:
  bool wanted(MonotonicTime now);
  void start(MonotonicTime now, Batch& out);
  bool read_gpu(const NvmlGpu& gpu, bool details, Batch& out);

  HostPaths paths_;
  Mode mode_;
  std::filesystem::path watched_name_;
  IntegratedGpu integrated_;
  bool wanted_ = false;
  Every decide_{std::chrono::seconds{60}};
  Every start_{kProbePeriod};
  Every start_after_failure_{std::chrono::minutes{1}};
  Every details_{std::chrono::seconds{1}};
  std::shared_ptr<NvmlSession> session_;
  MonotonicTime session_began_{};
  bool was_absent_ = true;
  bool lost_ = false;  // a GPU or the driver went away
};

}  // namespace tegrascope
