#include "collectors/ollama/log/log_places.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string_view>
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

using FileIdentity = std::pair<dev_t, ino_t>;

std::optional<FileIdentity> identity(const fs::path& path) {
  const WatchedRead watched(path);
  struct stat status {};
  if (watched.refused() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
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

}  // namespace

std::vector<LogPlace> find_log_places(const std::vector<OllamaServer>& servers, const HostPaths& paths,
                                      const std::string& setting) {
  std::vector<LogPlace> places;
  for (const OllamaServer& server : servers) {
    if (setting != "auto") return {{server.name, setting}};
    if (server.kind != UpstreamKind::ollama) continue;
    std::optional<std::string> told;
    if (server.serve_pid != 0) told = told_by_environment(paths.procfs / std::to_string(server.serve_pid));
    std::optional<fs::path> path;
    if (told && told->starts_with('/')) {
      path = seen_from_here(*told, server.serve_pid, paths, true);
    } else if (!told && servers.size() == 1) {
      path = seen_from_here(kContainerLog, server.serve_pid, paths, false);
    }
    if (path) places.push_back({server.name, *path});
  }
  return places;
}

}  // namespace tegrascope
