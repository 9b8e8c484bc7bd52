// Collector "self": what the agent itself costs. Always the process that runs this code, whatever
// --path.procfs says: /proc/self/{stat,fd}, /proc/stat (boot time), the process CPU clock and RLIMIT_NOFILE.
#pragma once

#include <optional>
#include <string>

#include "collectors/collector.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class SelfCollector final : public Collector {
 public:
  explicit SelfCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "self"; }
  void collect(Batch& out) override;

 private:
  SysfsFile stat_;
  std::optional<double> boot_time_;  // Unix seconds
  std::string buffer_;
};

}  // namespace tegrascope
