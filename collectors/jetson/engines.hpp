// Collector "engines": video and vision engines beside the GPU, from the clocks in debugfs (root):
// SYSFS/kernel/debug/clk/CLOCK/{clk_enable_count,clk_rate}.
//
// engine_on is 1 while the clock is enabled; engine_frequency_hertz is its rate then: the rate of a clock that
// is off means nothing. Clocks are named as tegrastats names engines: nvenc, nvdec, nvjpg, msenc, vic, ofa
// (with a number where the chip has several), nvdlaN (clock dlaN_core), pvaN (pvaN_vps), se, ape.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class EnginesCollector final : public Collector {
 public:
  explicit EnginesCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "engines"; }
  void collect(Batch& out) override;

 private:
  struct Engine {
    std::string name;
    SysfsFile enabled;
    std::optional<SysfsFile> rate;
  };
  void find();

  HostPaths paths_;
  std::vector<Engine> engines_;
  std::optional<SysfsFile> refused_;  // debugfs is there and may not be entered
  bool lost_ = false;
  Probe probe_;
};

// The engine whose clock has that name; nothing for other clocks.
std::optional<std::string> engine_of_clock(std::string_view clock);

}  // namespace tegrascope
