// Collector "memory": the memory that CPU and GPU share (PROCFS/meminfo) and swap by kind (PROCFS/swaps).
//
// memory_bytes is a partition; its kinds add up to MemTotal exactly:
//   free    MemFree
//   gpu     NvMapMemUsed: what the GPU driver nvmap holds; only where the kernel prints it (not on Thor)
//   anon    AnonPages + Shmem: memory of processes, tmpfs included; only swap or an end frees it
//   cache   Buffers + Cached - Shmem + SReclaimable: given back on demand
//   kernel  all the rest: slabs, stacks, page tables, buffers of drivers
// Should the kernel's figures exceed MemTotal (they are not read at one instant), the excess is taken off
// cache, then anon, then gpu.
#pragma once

#include <string>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class MemoryCollector final : public Collector {
 public:
  explicit MemoryCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "memory"; }
  void collect(Batch& out) override;

 private:
  bool collect_meminfo(Batch& out);
  void collect_swaps(Batch& out);

  SysfsFile meminfo_;
  SysfsFile swaps_;
  bool swaps_present_ = false;
  Every probe_{kProbePeriod};
  std::string buffer_;
};

}  // namespace tegrascope
