#include "collectors/jetson/cooling.hpp"

#include <algorithm>
#include <array>

#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMostDevices = 32;
constexpr std::int64_t kHighestState = 1'000'000;
// powerclamp idles with -1 and injects idle time only when told to; iwlwifi is a radio.
constexpr std::array<std::string_view, 6> kOthers{"fan",        "hot-surface", "tcc offset",
                                                  "powerclamp", "iwlwifi",     "shutdown"};

}  // namespace

bool holds_clocks_down(std::string_view type) {
  const std::string text = lower(type);
  return std::none_of(kOthers.begin(), kOthers.end(),
                      [&](std::string_view other) { return text.find(other) != std::string::npos; });
}

CoolingCollector::CoolingCollector(const HostPaths& paths) : folder_(paths.sysfs / "class/thermal") {}

std::vector<CoolingCollector::Device> CoolingCollector::find(std::vector<ReadError>& errors) const {
  std::vector<Device> devices;
  for (const std::string& entry : list_directory(folder_)) {
    std::string_view number = entry;
    if (!remove_prefix(number, "cooling_device") || devices.size() == kMostDevices) continue;
    auto state = SysfsFile::if_present(folder_ / entry / "cur_state");
    std::string type = read_once(folder_ / entry / "type");
    const auto max_state = read_integer_once(folder_ / entry / "max_state", 0, kHighestState, errors);
    if (type.empty() || (!state && !max_state)) continue;
    const bool throttles = holds_clocks_down(type);
    devices.push_back({std::string(number), std::move(type), std::move(state), max_state, throttles});
  }
  return devices;
}

void CoolingCollector::collect(Batch& out) {
  if (probe_.due(slot_time(out), devices_.empty() || lost_))
    if (auto found = find(out.errors); !found.empty()) devices_ = std::move(found);
  out.absent = devices_.empty();
  lost_ = false;
  std::optional<MonotonicTime> at;
  bool throttled = false;
  bool known = true;
  for (Device& device : devices_) {
    if (device.max_state.value_or(0) > 0)
      out.readings.push_back({Signal::cooling_max_state, device.number, device.type,
                              static_cast<double>(*device.max_state), slot_time(out)});
    if (!device.state) continue;
    const auto state = device.state->read_integer(-1, kHighestState);
    state.report(out.errors);
    lost_ = lost_ || state.failed_with(ErrorReason::missing);
    known = known && (state || !device.throttles);
    if (!state || *state < 0) continue;
    out.readings.push_back(
        {Signal::cooling_state, device.number, device.type, static_cast<double>(*state), state.at()});
    if (!device.throttles) continue;
    at = state.at();
    throttled = throttled || *state > 0;
  }
  if (at && (throttled || known))
    out.readings.push_back({Signal::throttled, "", "thermal", throttled ? 1.0 : 0.0, *at});
}

}  // namespace tegrascope
