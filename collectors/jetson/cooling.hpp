// Collector "cooling": SYSFS/class/thermal/cooling_device*/{type,cur_state,max_state}.
//
//   cooling_state, cooling_max_state  instance: number of the device, kind: its type; the first 32 devices
//   throttled                         kind thermal: 1 while a device that holds clocks down has a state above 0; absent
//                                     while one of them cannot be read and no other has.
//                                     Fans, alerts of the surface temperature and standing offsets of PCs do not.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/collector.hpp"
#include "collectors/probe.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {

class CoolingCollector final : public Collector {
 public:
  explicit CoolingCollector(const HostPaths& paths);
  std::string_view name() const noexcept override { return "cooling"; }
  void collect(Batch& out) override;

 private:
  struct Device {
    std::string number, type;
    std::optional<SysfsFile> state;
    std::optional<std::int64_t> max_state;
    bool throttles = false;
  };
  std::vector<Device> find(std::vector<ReadError>& errors) const;

  std::filesystem::path folder_;
  std::vector<Device> devices_;
  bool lost_ = false;
  Probe probe_;
};

// Whether a cooling device of that type cools by holding clocks down.
bool holds_clocks_down(std::string_view type);

}  // namespace tegrascope
