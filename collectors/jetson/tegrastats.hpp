// Collector "tegrastats": NVIDIA's own program as a source. By default it runs only where sysfs lacks a field
// that it has (stand_in.hpp); --collector.tegrastats runs it anyhow. The program runs as a child, `tegrastats --interval 1000`; each
// collect() takes the newest complete line: gpu_utilization_ratio, gpu_frequency_hertz, emc_*,
// temperature_celsius, rail_power_watts and board_power_watts, under the names that the collectors of sysfs
// use. CPU, memory and swap are left to /proc, which tegrastats itself reads. The age of a line is unknown,
// up to one interval. Its watts carry the averaging of the INA3221 as sysfs does, but a line does not tell how much:
// where tegrastats is the only source of a rail, nothing is undone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collectors/collector.hpp"
#include "collectors/jetson/child_process.hpp"
#include "collectors/jetson/tegrastats_line.hpp"
#include "collectors/probe.hpp"

namespace tegrascope {

class TegrastatsCollector final : public Collector {
 public:
  enum class Mode { always, where_sysfs_lacks };
  explicit TegrastatsCollector(const HostPaths& paths, Mode mode = Mode::always);
  std::string_view name() const noexcept override { return "tegrastats"; }

  // Starts the program, and starts it again at most every 10 s when it has ended. `absent` when there is no
  // such program. No new line for 5 s is an error (timeout). Mode where_sysfs_lacks looks every minute whether it
  // is wanted, and is `absent`, without a child, while it is not.
  void collect(Batch& out) override;

 private:
  std::optional<TegrastatsLine> newest_line();
  bool wanted(MonotonicTime now);

  HostPaths paths_;
  Mode mode_;
  bool wanted_ = true;
  int memory_bus_bits_ = 0;
  Every decide_{std::chrono::seconds{60}};
  std::filesystem::path program_;
  std::unique_ptr<ChildProcess> child_;
  std::string output_;  // what follows the last complete line
  Every start_{kProbePeriod};
  MonotonicTime last_line_{};
};

// Appends the readings of one line. `memory_bus_bits` is the board's (BoardIdentity), for emc_bytes_per_second.
void append_readings(const TegrastatsLine& line, MonotonicTime at, Batch& out, int memory_bus_bits = 0);

// The first executable of that name in a PATH-like list; empty if none.
std::filesystem::path find_in_path(std::string_view program, std::string_view path);

}  // namespace tegrascope
