// Collector "cpu": cpu_seconds by core and mode and boot_time_seconds (PROCFS/stat), cpu_online
// (SYSFS/devices/system/cpu/{present,online}), cpu_frequency_hertz and cpu_frequency_max_hertz
// (cpufreq/scaling_cur_freq and scaling_max_freq of each online core; the power mode sets the latter).
//
// Modes are user, nice, system, idle, iowait, irq, softirq, steal. Guest time is already inside user and nice
// (proc(5)). A core that is offline has no line in PROCFS/stat: no reading but cpu_online 0. scaling_cur_freq
// is what the kernel asked for; throttling shows only in cpuinfo_cur_freq, which needs root.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/linux/cpufreq.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class CpuCollector final : public Collector {
 public:
  explicit CpuCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "cpu"; }
  void collect(Batch& out) override;

 private:
  void collect_stat(Batch& out);
  void collect_cores(Batch& out);

  std::filesystem::path cpu_folder_;
  SysfsFile stat_;
  std::optional<SysfsFile> present_;
  std::optional<SysfsFile> online_;
  std::optional<std::vector<int>> present_cores_;  // read again where files are looked for
  CpuClocks clocks_;
  Every probe_{kProbePeriod};
  std::string buffer_;
};

// "0-3,6" as {0, 1, 2, 3, 6}; nothing for text that is no such list or names a core above 4095.
std::optional<std::vector<int>> parse_core_list(std::string_view text);

}  // namespace tegrascope
