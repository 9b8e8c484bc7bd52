#include "collectors/ollama/discovery.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "collectors/ollama/process_table.hpp"
#include "collectors/ollama/socket_table.hpp"
#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kDefaultPort = 11434;

bool unspecified(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

// The agent's own view: which addresses it can connect to.
struct OwnNamespace {
  std::optional<fs::path> identity;  // target of ns/net, "net:[4026531840]"
  std::optional<SocketTable> sockets;
};

std::optional<fs::path> namespace_identity(const fs::path& process) {
  const fs::path link = process / "ns/net";
  const WatchedRead watched(link);
  if (watched.refused()) return std::nullopt;
  std::error_code error;
  fs::path target = fs::read_symlink(link, error);
  if (error) return std::nullopt;
  return target;
}

OwnNamespace read_own(const fs::path& procfs) {
  for (const char* process : {"self", "1"}) {
    OwnNamespace own{namespace_identity(procfs / process), read_socket_table(procfs / process / "net")};
    if (own.identity || own.sockets) return own;
  }
  return {};
}

bool share_a_socket(const SocketTable& a, const SocketTable& b) {
  return std::any_of(a.inodes.begin(), a.inodes.end(),
                     [&](std::uint64_t inode) { return b.inodes.contains(inode); });
}

enum class Namespace { own, other, untold };

Namespace namespace_of(const OwnNamespace& own, const fs::path& process,
                       const std::optional<SocketTable>& sockets) {
  const auto identity = namespace_identity(process);
  if (own.identity && identity) return *own.identity == *identity ? Namespace::own : Namespace::other;
  if (!own.sockets || !sockets) return Namespace::untold;
  if (own.sockets->inodes.empty() && sockets->inodes.empty()) return Namespace::untold;
  return share_a_socket(*own.sockets, *sockets) ? Namespace::own : Namespace::other;
}

std::optional<ListeningSocket> listener_on(const std::optional<SocketTable>& sockets, std::uint16_t port) {
  if (!sockets) return std::nullopt;
  for (const ListeningSocket& s : sockets->listening) {
    if (s.port == port) return s;
  }
  return std::nullopt;
}

// For a serve whose environment is closed to us.
std::optional<ServerAddress> address_from_sockets(const ServeProcess& serve,
                                                  const std::optional<SocketTable>& sockets,
                                                  const std::set<std::uint16_t>& runner_ports) {
  if (!sockets) return ServerAddress{};
  if (const auto usual = listener_on(sockets, kDefaultPort))
    return ServerAddress{usual->address, kDefaultPort};
  std::optional<ServerAddress> found;
  for (const ListeningSocket& s : sockets->listening) {
    if (!serve.uid || s.uid != *serve.uid || runner_ports.contains(s.port)) continue;
    if (found && found->port != s.port) return std::nullopt;
    found = ServerAddress{s.address, s.port};
  }
  return found;
}

std::optional<ServerAddress> listening_address(const ServeProcess& serve,
                                               const std::optional<SocketTable>& sockets,
                                               const std::set<std::uint16_t>& runner_ports) {
  if (!serve.environment_readable) return address_from_sockets(serve, sockets, runner_ports);
  ServerAddress address = serve.ollama_host ? parse_ollama_host(*serve.ollama_host) : ServerAddress{};
  // Port 0: the kernel chose one, which only the table knows.
  if (address.port == 0) return address_from_sockets(serve, sockets, runner_ports);
  return address;
}

std::set<std::string> own_addresses(const fs::path& process) {
  return parse_local_addresses(read_whole(process / "net/fib_trie").value_or(""));
}

bool is_published(const ServerAddress& inside, const std::vector<PublishedPort>& published) {
  return std::any_of(published.begin(), published.end(),
                     [&](const PublishedPort& p) { return p.container_port == inside.port; });
}

std::optional<ServerAddress> from_outside(const ServerAddress& inside,
                                          const std::vector<PublishedPort>& published,
                                          const std::set<std::string>& addresses) {
  std::vector<PublishedPort> fitting;
  for (const PublishedPort& p : published) {
    const bool ours = addresses.empty() || addresses.contains(p.container_ip);
    if (p.container_port == inside.port && ours) fitting.push_back(p);
  }
  std::set<std::string> containers;
  for (const PublishedPort& p : fitting) containers.insert(p.container_ip);
  // Without the namespace's own addresses, two containers with that port cannot be told apart.
  if (!fitting.empty() && (containers.size() == 1 || !addresses.empty())) {
    // Docker starts one proxy for IPv4 and one for IPv6.
    const auto v4 = std::find_if(fitting.begin(), fitting.end(),
                                 [](const auto& p) { return p.host_ip.find(':') == std::string::npos; });
    const PublishedPort& chosen = v4 == fitting.end() ? fitting.front() : *v4;
    return connectable({chosen.host_ip, chosen.host_port});
  }
  if (unspecified(inside.host) && !addresses.empty()) return ServerAddress{*addresses.begin(), inside.port};
  if (addresses.contains(inside.host)) return inside;
  return std::nullopt;
}

struct Found {
  std::int64_t serve_pid = 0;
  std::optional<ServerAddress> address;  // absent: it runs but cannot be reached from here
};

std::vector<Found> find_serves(const HostPaths& paths) {
  const ProcessTable processes = read_process_table(paths.procfs);
  if (processes.serves.empty()) return {};
  const OwnNamespace own = read_own(paths.procfs);
  std::vector<Found> found;
  for (const ServeProcess& serve : processes.serves) {
    const fs::path directory = paths.procfs / std::to_string(serve.pid);
    const auto sockets = read_socket_table(directory / "net");
    std::optional<ServerAddress> address = listening_address(serve, sockets, processes.runner_ports);
    if (address) {
      const Namespace where = namespace_of(own, directory, sockets);
      // The only serve there is, and a port published to where it listens: it is the one in the container.
      const bool published = processes.serves.size() == 1 && is_published(*address, processes.published);
      if (where == Namespace::own || (where == Namespace::untold && !published)) {
        address = connectable(*address);
      } else {
        address = from_outside(*address, processes.published, own_addresses(directory));
      }
    }
    found.push_back({serve.pid, address});
  }
  return found;
}

}  // namespace

std::vector<OllamaServer> discover_servers(const HostPaths& paths) {
  std::vector<OllamaServer> servers;
  for (const Found& found : find_serves(paths)) {
    if (!found.address) continue;
    OllamaServer server = server_at(*found.address);
    server.serve_pid = found.serve_pid;
    const bool known =
        std::any_of(servers.begin(), servers.end(), [&](const auto& s) { return s.name == server.name; });
    if (!known) servers.push_back(std::move(server));
  }
  return servers;
}

void assign_serve_pid(std::vector<OllamaServer>& servers, const HostPaths& paths) {
  const std::vector<Found> serves = find_serves(paths);
  for (OllamaServer& server : servers) {
    server.serve_pid = 0;
    const auto address = address_of_url(server.url);
    for (const Found& serve : serves) {
      if (server.serve_pid != 0 || !address || !serve.address) continue;
      if (host_port(connectable(*address)) == host_port(*serve.address)) server.serve_pid = serve.serve_pid;
    }
  }
  if (servers.size() == 1 && serves.size() == 1) servers.front().serve_pid = serves.front().serve_pid;
}

}  // namespace tegrascope
