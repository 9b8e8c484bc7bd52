// Collector "pressure": how short of memory the board is.
//
//   memory_stalled_seconds           PROCFS/pressure/memory, total= of the lines some and full; kernels built or
//                                    booted without PSI have none
//   oom_kills                        PROCFS/vmstat oom_kill
//   swap_in_bytes, swap_out_bytes    PROCFS/vmstat pswpin, pswpout, pages
//   memory_largest_free_block_bytes  PROCFS/buddyinfo: the highest order with a free block in any zone
//
// All are counted since boot. The page size is the running kernel's.
#pragma once

#include <optional>
#include <string>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class PressureCollector final : public Collector {
 public:
  explicit PressureCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "pressure"; }
  void collect(Batch& out) override;

 private:
  void collect_pressure(Batch& out);
  void collect_vmstat(Batch& out);
  void collect_buddyinfo(Batch& out);

  HostPaths paths_;
  const double page_bytes_;
  std::optional<SysfsFile> pressure_, vmstat_, buddyinfo_;
  Every probe_{kProbePeriod};
  std::string buffer_;
};

}  // namespace tegrascope
