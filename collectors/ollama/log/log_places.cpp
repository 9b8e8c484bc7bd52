#include "collectors/ollama/log/log_places.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr const char* kContainerLog = "/data/logs/ollama.log";

std::optional<std::string> told_by_environment(const fs::path& process) {
  constexpr std::string_view name = "OLLAMA_LOGS=";
  const auto text = read_whole(process / "environ");
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    if (variable.starts_with(name)) return std::string(variable.substr(name.size()));
    rest.remove_prefix(std::min(rest.size(), variable.size() + 1));
  }
  return std::nullopt;
}

// A regular file of that name as the server sees it, which has not been removed.
std::optional<fs::path> standard_output(const fs::path& process) {
  const fs::path link = process / "fd/1";
  const WatchedRead watched(link);
  struct stat status {};
  if (watched.refused() || ::stat(link.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_nlink == 0)
    return std::nullopt;
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (error || !target.is_absolute()) return std::nullopt;
  return target;
}

// The systemd unit that the process is in; empty when it is none of the system's services.
std::string unit_of(const fs::path& process) {
  constexpr std::string_view suffix = ".service";
  const auto text = read_whole(process / "cgroup");
  std::string unit;
  for (std::string_view rest = text ? std::string_view(*text) : std::string_view(); !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of("/\n"), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (!part.ends_with(suffix)) continue;
    if (part.starts_with("user@")) return "";
    unit = part;
  }
  return unit;
}

using FileIdentity = std::pair<dev_t, ino_t>;

std::optional<FileIdentity> identity(const fs::path& path) {
  const WatchedRead watched(path);
  struct stat status {};
  if (watched.refused() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

bool has_journal(const fs::path& root) {
  return identity(root / "var/log/journal") || identity(root / "run/log/journal");
}

// Where this machine has what the server calls `path`. The host's own name is better: it outlives the process.
std::optional<fs::path> seen_from_here(const fs::path& path, std::int64_t serve_pid, const HostPaths& paths,
                                       bool may_appear) {
  const fs::path on_host = paths.rootfs / path.relative_path();
  const auto host_file = identity(on_host);
  if (serve_pid == 0) return host_file || may_appear ? std::optional(on_host) : std::nullopt;
  const fs::path root = paths.procfs / std::to_string(serve_pid) / "root";
  const fs::path in_container = root / path.relative_path();
  const auto container_file = identity(in_container);
  if (container_file && container_file != host_file) return in_container;
  if (host_file) return on_host;
  if (!may_appear) return std::nullopt;
  const auto its_root = identity(root);
  return its_root && its_root != identity(paths.rootfs) ? in_container : on_host;
}

LogPlace named_place(const std::string& server, const std::string& setting, const HostPaths& paths) {
  constexpr std::string_view scheme = "journal:";
  if (!setting.starts_with(scheme)) return {server, setting};
  std::string unit = setting.substr(scheme.size());
  if (unit.find('.') == std::string::npos) unit += ".service";
  return {server, paths.rootfs, unit};
}

}  // namespace

std::string to_string(const LogPlace& place) {
  return place.journal_unit.empty() ? place.path.string() : "the journal of " + place.journal_unit;
}

std::vector<LogPlace> find_log_places(const std::vector<OllamaServer>& servers, const HostPaths& paths,
                                      const std::string& setting) {
  std::vector<LogPlace> places;
  for (const OllamaServer& server : servers) {
    if (setting != "auto") return {named_place(server.name, setting, paths)};
    if (server.kind != UpstreamKind::ollama) continue;
    const fs::path process = paths.procfs / std::to_string(server.serve_pid);
    const bool found = server.serve_pid != 0;
    const auto told = found ? told_by_environment(process) : std::nullopt;
    const auto output = found ? standard_output(process) : std::nullopt;
    std::optional<fs::path> path;
    if (told && told->starts_with('/')) path = seen_from_here(*told, server.serve_pid, paths, true);
    if (!path && output) path = seen_from_here(*output, server.serve_pid, paths, false);
    if (!told && !path && servers.size() == 1)
      path = seen_from_here(kContainerLog, server.serve_pid, paths, false);
    if (path) {
      places.push_back({server.name, *path});
    } else if (found && !told && has_journal(paths.rootfs)) {
      const std::string unit = unit_of(process);
      if (!unit.empty()) places.push_back({server.name, paths.rootfs, unit});
    }
  }
  return places;
}

}  // namespace tegrascope
