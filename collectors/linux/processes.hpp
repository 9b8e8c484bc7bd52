// Collector "processes": `ollama serve` and its runners, from PROCFS/PID/{cmdline,stat}; see ollama_argv.hpp
// for how they are recognised.
//
// PROCFS is searched for new processes once a second, unless none can have been born since; the `stat` of those found stays open and is read in
// every slot. A process is known by its pid and start time; an open `stat` of a dead one answers ESRCH even
// when its pid lives again. cpu_time has the resolution of USER_HZ (10 ms). A zombie counts as ended. A
// process that is not Ollama's is looked at again after 1, 2, 4, ... 64 s, because a shell may still exec
// `ollama serve` under the same pid. Whether a runner has GPU code mapped is looked up where its maps may be read.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/linux/birth_watch.hpp"
#include "collectors/linux/gpu_library.hpp"
#include "collectors/linux/ollama_argv.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class ProcessesCollector final : public Collector {
 public:
  explicit ProcessesCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "processes"; }
  void collect(Batch& out) override;

 private:
  struct Tracked {
    SysfsFile stat;
    ProcessReading reading;  // what does not change while it lives; cpu_time and resident_bytes stay empty
    GpuLibraryWatch gpu_library;
  };
  struct Dismissed {
    std::uint64_t inode = 0;  // of PROCFS/PID: another one means another process
    Nanoseconds wait{};
    MonotonicTime look_again{};
    std::uint64_t seen_in_scan = 0;
  };
  struct Candidate {
    std::int64_t pid = 0;
    std::uint64_t inode = 0;
    OllamaArgv argv;
    std::int64_t parent_pid = 0;
    std::uint64_t start_ticks = 0;
  };

  struct Folder {
    std::int64_t pid = 0;
    std::uint64_t inode = 0;
  };

  bool scan(Batch& out, MonotonicTime now);
  // Those to be looked at, not tracked; absent: PROCFS cannot be listed.
  std::optional<std::vector<Folder>> list_new(Batch& out, MonotonicTime now);
  std::vector<Folder> list_dismissed(MonotonicTime now) const;
  std::vector<Candidate> look_at(const std::vector<Folder>& folders, Batch& out, MonotonicTime now);
  void dismiss(std::int64_t pid, std::uint64_t inode, MonotonicTime now, bool for_long);
  void track(const Candidate& candidate, ProcessRole role, std::int64_t serve_pid, MonotonicTime now);
  bool is_serve(std::int64_t pid) const;
  std::int64_t serve_above(std::int64_t pid) const;  // the nearest `ollama serve` from pid upwards, 0 none
  // When a process started, by the board's own time since boot; absent where PROCFS/uptime does not tell.
  std::optional<MonotonicTime> began(std::uint64_t start_ticks) const;
  bool read(Tracked& process, Batch& out, MonotonicTime now);  // false: it has ended
  std::filesystem::path folder(std::int64_t pid) const;

  std::filesystem::path procfs_;
  std::map<std::int64_t, Tracked> tracked_;
  std::unordered_map<std::int64_t, Dismissed> dismissed_;
  Every scan_period_{std::chrono::seconds{1}};
  BirthWatch births_;
  std::uint64_t scans_ = 0;
  bool listed_ = false;   // the last scan could read PROCFS
  bool settled_ = false;  // all that the last scan looked at is tracked or dismissed
  std::string buffer_;
  std::string maps_buffer_;
};

}  // namespace tegrascope
