// The seam between the world and the agent. A collector knows no exporter and no other collector.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

// Where the host's trees are. --path.rootfs=R sets all three: R/proc, R/sys, R.
struct HostPaths {
  std::filesystem::path procfs = "/proc";
  std::filesystem::path sysfs = "/sys";
  std::filesystem::path rootfs = "/";
  std::filesystem::path tegrastats;      // program to start; empty: looked for in PATH
  std::filesystem::path nvml_library{};  // as for dlopen(3); empty: libnvidia-ml.so.1, on this machine only
};

// A source of readings. All members run on one thread at a time, a sampler's, and may block as long as one
// read(2) of a kernel file does; no locks, no network. Files are read with SysfsFile and its neighbours only:
// they let the sampler see where a read hangs (read_watch.hpp). The object is made anew after a hang, so it
// keeps nothing that must last.
class Collector {
 public:
  virtual ~Collector() = default;

  // As in --collector.NAME and collector_up; a string literal.
  virtual std::string_view name() const noexcept = 0;

  // Reads everything once and appends to `out` (readings, errors, processes; sets `absent` when this board
  // has no such hardware). The collector looks for its files itself, at the first call and again as
  // probe.hpp says: paths move between JetPack releases and drivers may load late. Never
  // throws for a bad sensor.
  virtual void collect(Batch& out) = 0;
};

struct CollectorInfo {
  std::string_view name;
  bool on_by_default;
  std::chrono::milliseconds period;  // 0: every slot; otherwise not more often than this
  std::unique_ptr<Collector> (*make)(const HostPaths&);
  // Where the user says nothing: a collector that decides itself, by what the board lacks, whether it runs.
  // Null: on_by_default decides.
  std::unique_ptr<Collector> (*make_auto)(const HostPaths&) = nullptr;
};

// The explicit list of built-in collectors (collectors/registry.cpp).
const std::vector<CollectorInfo>& builtin_collectors();

}  // namespace tegrascope
