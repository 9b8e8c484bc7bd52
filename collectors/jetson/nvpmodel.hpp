// Collector "nvpmodel": the power mode in force and whether jetson_clocks holds the clocks.
//
//   nvpmodel_mode  ROOTFS/var/lib/nvpmodel/status ("pmode:0002"), named by ROOTFS/etc/nvpmodel.conf
//                  ("< POWER_MODEL ID=2 NAME=MAXN_SUPER >"). Numbers differ per board: go by the name.
//   clocks_locked  1 when min_freq and max_freq of the GPU's devfreq, and scaling_min_freq and scaling_max_freq of
//                  every CPU that has them, are the same; absent while one of them cannot be read
//
// A power mode sets limits: the clocks themselves may be lower.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class NvpmodelCollector final : public Collector {
 public:
  explicit NvpmodelCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "nvpmodel"; }
  void collect(Batch& out) override;

 private:
  struct Limits {
    SysfsFile lowest, highest;
  };
  void find();
  void collect_mode(Batch& out);
  void collect_clocks(Batch& out);

  HostPaths paths_;
  std::optional<SysfsFile> status_;
  std::map<int, std::string> names_;
  std::optional<Limits> gpu_;
  std::vector<Limits> cpus_;
  bool lost_ = false;
  Probe probe_;
  std::string buffer_;
};

// "pmode:0002 fmode:quiet" as 2.
std::optional<int> parse_power_mode(std::string_view status);
// Number -> name of every "< POWER_MODEL ID=n NAME=x >".
std::map<int, std::string> parse_power_models(std::string_view conf);

}  // namespace tegrascope
