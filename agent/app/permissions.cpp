#include "agent/app/permissions.hpp"

#include <array>

namespace tegrascope {
namespace {

constexpr std::array kTable{
    Permission{"debugfs", "/kernel/debug",
               "debugfs is root's: run as root, or give the service AmbientCapabilities=CAP_DAC_READ_SEARCH"},
    Permission{"hidepid", "/proc/PID",
               "/proc hides other users' processes: give the service SupplementaryGroups= with the group of "
               "the mount option gid=, or AmbientCapabilities=CAP_SYS_PTRACE"},
    Permission{"file", "", "allow the agent's user to read the file, as by chmod o+r, or run as root"}};

}  // namespace

std::span<const Permission> permissions() { return kTable; }

std::string_view grant_for(std::string_view collector, std::string_view path) {
  if (path.find(kTable[0].paths) != std::string_view::npos) return kTable[0].grant;
  if (collector == "processes") return kTable[1].grant;
  return kTable[2].grant;
}

}  // namespace tegrascope
