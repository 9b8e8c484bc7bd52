// Collector "emc": the memory controller (external memory controller, EMC) that CPU and GPU share.
//
//   emc_frequency_hertz        the first of: SYSFS/kernel/debug/bpmp/debug/clk/emc/rate (TX2 to Orin),
//                              SYSFS/class/devfreq/bwmgr/cur_freq (Thor), SYSFS/kernel/debug/tegra_bwmgr/emc_rate
//                              and SYSFS/kernel/debug/clk/override.emc/clk_rate (Nano, TX1); Hz
//   emc_utilization_ratio      the activity monitor's mean clock demand in kHz over that clock:
//                              SYSFS/kernel/debug/cactmon/mc_all (to Orin),
//                              SYSFS/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity (Thor),
//                              SYSFS/kernel/actmon_avg_activity/mc_all (older)
//   emc_bytes_per_second       utilization x clock x 2 (double data rate) x bus width of the module: an estimate
//   emc_peak_bytes_per_second  the same at the highest clock
//
// Debugfs is root's: without it the collector reports `permission` and, on Thor, the clock only. Absent on
// what is no Jetson.
#pragma once

#include <optional>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class EmcCollector final : public Collector {
 public:
  explicit EmcCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "emc"; }
  void collect(Batch& out) override;

 private:
  void find();

  HostPaths paths_;
  int bus_bits_ = 0;
  std::optional<SysfsFile> rate_, max_rate_, activity_;
  bool lost_ = false;
  Probe probe_;
};

// Bytes that a bus of that width carries in a second at that clock, both edges used.
double bus_bytes_per_second(double hertz, int bus_bits);

// True when the clock and the activity of the memory controller can be read: an answer for the choice of a
// stand-in.
bool emc_is_readable(const HostPaths& paths);

}  // namespace tegrascope
