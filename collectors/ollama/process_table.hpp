// The processes that discovery looks at, read from PROCFS.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tegrascope {

// One running docker-proxy: a published TCP port.
struct PublishedPort {
  std::string host_ip;  // "0.0.0.0", "127.0.0.1", "::", ...
  std::uint16_t host_port = 0;
  std::string container_ip;
  std::uint16_t container_port = 0;
};

struct ServeProcess {
  std::int64_t pid = 0;
  std::optional<std::uint32_t> uid;  // its owner
  bool environment_readable = false;
  std::optional<std::string> ollama_host;  // OLLAMA_HOST; absent: not set or not readable
};

struct ProcessTable {
  std::vector<ServeProcess> serves;      // by pid
  std::vector<PublishedPort> published;  // TCP only, by pid of the proxy
  std::set<std::uint16_t> runner_ports;  // --port of Ollama's runners
};

// Never throws; a process that ends meanwhile is left out.
ProcessTable read_process_table(const std::filesystem::path& procfs);

}  // namespace tegrascope
