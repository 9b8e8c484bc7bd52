// Collector "throttle": over-current events of the SoC's thermal controller (hwmon "soctherm_oc").
//
//   throttle_events  ocN_event_cnt, since boot: oc1 under-voltage, oc2 average over-current, oc3 instantaneous
//                    over-current. The BPMP refreshes them about every 2 s. A healthy Orin Nano in a Super mode
//                    counts several oc3 in a second.
//   throttled        kind overcurrent: 1 when an event of a source that throttles (ocN_throt_en) was counted since
//                    the read before. How long each event held the clocks is not known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class ThrottleCollector final : public Collector {
 public:
  explicit ThrottleCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "throttle"; }
  void collect(Batch& out) override;

 private:
  struct Source {
    std::string name;
    SysfsFile events;
    std::optional<SysfsFile> throttles;
    std::optional<std::int64_t> last;
  };
  std::vector<Source> find() const;

  std::filesystem::path folder_;
  std::vector<Source> sources_;
  bool lost_ = false;
  Probe probe_;
};

}  // namespace tegrascope
