// The clocks of the cores: SYSFS/devices/system/cpu/cpuN/cpufreq. Cores that share a clock (on Orin the up to four of a
// cluster, drivers/cpufreq/tegra194-cpufreq.c) share a policy, which that name links to since Linux 4.3: it is read once
// for all of them.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

// Where `cpuN/cpufreq` leads; itself where it is no link, or cannot be read.
std::filesystem::path cpufreq_policy(const std::filesystem::path& cpufreq);

class CpuClocks {
 public:
  explicit CpuClocks(std::filesystem::path cpu_folder) : cpu_folder_(std::move(cpu_folder)) {}

  // Looks for what has not been found yet of these cores' files.
  void find(const std::vector<int>& cores);
  // cpu_frequency_hertz and cpu_frequency_max_hertz of each of `cores`, which are sorted.
  void read(const std::vector<int>& cores, Batch& out);

 private:
  struct Policy {
    std::filesystem::path folder;
    std::vector<int> cores;
    std::optional<SysfsFile> now, limit;
  };
  std::filesystem::path cpu_folder_;
  std::vector<Policy> policies_;
};

}  // namespace tegrascope
