#include "agent/app/storage_directory.hpp"

#include <unistd.h>

#include <cstdlib>

#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

constexpr const char* kBootId = "sys/kernel/random/boot_id";

bool is_this_machine(const HostPaths& paths) {
  return paths.procfs == "/proc" ||
         (is_present(paths.procfs / kBootId) &&
          read_once(paths.procfs / kBootId) == read_once("/proc/sys/kernel/random/boot_id"));
}

}  // namespace

std::filesystem::path storage_directory(
    const Config& config, bool root,
    const std::function<std::optional<std::string>(const char*)>& environment) {
  if (config.storage_path.empty() || config.storage_path == "none") return {};
  if (config.storage_path != "auto") return config.storage_path;
  if (!is_this_machine(config.paths)) return {};
  if (const auto given = environment("STATE_DIRECTORY"); given && !given->empty())
    return given->substr(0, given->find(':'));
  if (root) return "/var/lib/tegrascope";
  // The specification wants relative paths ignored.
  if (const auto state = environment("XDG_STATE_HOME"); state && state->starts_with('/'))
    return std::filesystem::path(*state) / "tegrascope";
  if (const auto home = environment("HOME"); home && home->starts_with('/'))
    return std::filesystem::path(*home) / ".local/state/tegrascope";
  return {};
}

std::filesystem::path storage_directory(const Config& config) {
  return storage_directory(config, ::geteuid() == 0, [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace tegrascope
