// What this board is. Read once at start; any thread; never throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/model/reading.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

// Always has a value; on a PC only `kernel` is filled and `jetson` is false. Works in a container that has the
// host's SYSFS: there PROCFS/device-tree, a link to an absolute path, leads nowhere. Sources:
//   module       by the ids in compatible (modules.hpp), else the device tree's model
//   model, compatible  SYSFS/firmware/devicetree/base/{model,compatible}, else PROCFS/device-tree
//   l4t          ROOTFS/etc/nv_tegra_release
//   jetpack      from l4t by NVIDIA's release table; empty for releases that it does not know
//   memory_bus_bits  by the ids in compatible
//   kernel       PROCFS/sys/kernel/osrelease
std::optional<BoardIdentity> read_board(const HostPaths& paths);

// The device tree names a Tegra SoC.
bool is_jetson(const HostPaths& paths);

// An NVIDIA display controller is on the PCI bus.
bool has_nvidia_card(const HostPaths& paths);

// True on a Jetson, with an NVIDIA card, and where the NVIDIA driver is loaded.
bool gpu_present(const HostPaths& paths);

// "# R36 (release), REVISION: 4.4, ..." as "36.4.4"; empty for other text.
std::string parse_l4t_release(std::string_view text);

// "36.4.4" as "6.2.1"; empty when unknown.
std::string jetpack_of(std::string_view l4t);

}  // namespace tegrascope
