// Collector "tegrastats", off by default: NVIDIA's own program as a source, where sysfs lacks a field (the
// memory controller without debugfs). The program runs as a child, `tegrastats --interval 1000`; each
// collect() takes the newest complete line: gpu_utilization_ratio, gpu_frequency_hertz, emc_*,
// temperature_celsius, rail_power_watts and board_power_watts, under the names that the collectors of sysfs
// use. CPU, memory and swap are left to /proc, which tegrastats itself reads. The age of a line is unknown,
// up to one interval.
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
  explicit TegrastatsCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "tegrastats"; }

  // Starts the program, and starts it again at most every 10 s when it has ended. `absent` when there is no
  // such program. No new line for 5 s is an error (timeout).
  void collect(Batch& out) override;

 private:
  std::optional<TegrastatsLine> newest_line();

  std::filesystem::path configured_;
  std::filesystem::path program_;
  std::unique_ptr<ChildProcess> child_;
  std::string output_;  // what follows the last complete line
  Every start_{kProbePeriod};
  MonotonicTime last_line_{};
};

// Appends the readings of one line.
void append_readings(const TegrastatsLine& line, MonotonicTime at, Batch& out);

// The first executable of that name in a PATH-like list; empty if none.
std::filesystem::path find_in_path(std::string_view program, std::string_view path);

}  // namespace tegrascope
