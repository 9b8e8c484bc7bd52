// The device nodes of NVIDIA's driver that computing on a GPU needs. Reads only owner and mode; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tegrascope {

// Those of `dev` (a process' /dev) that are not there, as text; empty when there is enough. A GPU needs one of
//   nvgpu/igpu0/ctrl, nvhost-ctrl-gpu   a Jetson's own (L4T 36; up to 35)
//   nvidia0, nvidiactl                  a card, and Thor
//   dxg                                 WSL
// and a Jetson up to Orin nvmap as well.
std::string missing_device_nodes(const std::filesystem::path& dev, bool jetson);

// Those that the process with this `status` (/proc/PID/status) may not open for reading and writing. Empty when it may
// open all, and when the status does not tell its user. Access lists and device cgroups are not looked at.
std::string denied_device_nodes(const std::filesystem::path& dev, std::string_view status);

}  // namespace tegrascope
