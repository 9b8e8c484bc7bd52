#include "collectors/ollama/capture/targets.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "collectors/ollama/process_table.hpp"
#include "collectors/ollama/server_address.hpp"
#include "collectors/ollama/socket_table.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kDefaultPort = 11434;

// Pure ACKs are 40 % of the packets; a BIG TCP packet has length 0 and passes.
constexpr std::string_view kWorthReading =
    "((ip and (tcp[13] & 7 != 0 or ip[2:2] - ((ip[0] & 15) << 2) - ((tcp[12] & 240) >> 2) != 0)) or "
    "(ip6 and (ip6[53] & 7 != 0 or ip6[4:2] - ((ip6[52] & 240) >> 2) != 0)))";

std::string read_text(const fs::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool local_name(const std::string& host) {
  const auto address = parse_ip_address(host);
  return host == "localhost" || (address && address->is_loopback());
}

void resolve(const std::string& host, std::vector<IpAddress>& out) {
  if (const auto literal = parse_ip_address(host)) {
    out.push_back(*literal);
    return;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    const auto address = parse_ip_address(text.data());
    if (address && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  freeaddrinfo(found);
}

bool listens(const std::optional<SocketTable>& sockets, std::uint16_t port, bool wildcard_only) {
  return sockets && std::any_of(sockets->listening.begin(), sockets->listening.end(), [&](const auto& s) {
           return s.port == port && (!wildcard_only || s.address == "0.0.0.0" || s.address == "::");
         });
}

// Lines of 32 hex digits, interface number, prefix length, scope, flags, name; link-local ones are of no use.
void add_ipv6_addresses(const std::string& if_inet6, std::vector<IpAddress>& out) {
  std::istringstream lines{if_inet6};
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 32 || line.compare(0, 4, "fe80") == 0) continue;
    std::string text;
    for (std::size_t i = 0; i < 32; i += 4) text += (i == 0 ? "" : ":") + line.substr(i, 4);
    const auto address = parse_ip_address(text);
    if (address && !address->is_loopback()) out.push_back(*address);
  }
}

class Finder {
 public:
  explicit Finder(const HostPaths& paths)
      : procfs_(paths.procfs),
        processes_(read_process_table(paths.procfs)),
        own_sockets_(read_socket_table(procfs_ / "self/net")),
        own_addresses_(parse_local_addresses(read_text(procfs_ / "self/net/fib_trie"))) {}

  std::optional<CaptureTarget> find(const OllamaServer& server) const {
    const auto url = address_of_url(server.url);
    if (!url) return std::nullopt;
    CaptureTarget target;
    target.server = server.name;
    target.port = url->port;
    const bool found =
        from_proxy(*url, target) || from_namespace(*url, server.serve_pid, target) || from_here(*url, target);
    if (!found) return std::nullopt;
    return target;
  }

 private:
  bool on_this_machine(const std::string& host) const {
    return local_name(host) || own_addresses_.contains(host);
  }

  bool from_proxy(const ServerAddress& url, CaptureTarget& target) const {
    if (!on_this_machine(url.host)) return false;
    for (const PublishedPort& p : processes_.published) {
      const auto inside = parse_ip_address(p.container_ip);
      if (p.host_port != url.port || !inside) continue;
      target.port = p.container_port;
      target.addresses.push_back(*inside);
    }
    return !target.addresses.empty();
  }

  bool from_namespace(const ServerAddress& url, std::int64_t pid, CaptureTarget& target) const {
    if (pid == 0 || !on_this_machine(url.host)) return false;
    if (!own_sockets_ || listens(own_sockets_, url.port, false)) return false;
    const fs::path process = procfs_ / std::to_string(pid);
    const auto sockets = read_socket_table(process / "net");
    if (!sockets) return false;
    for (const std::string& text : parse_local_addresses(read_text(process / "net/fib_trie"))) {
      if (const auto address = parse_ip_address(text)) target.addresses.push_back(*address);
    }
    add_ipv6_addresses(read_text(process / "net/if_inet6"), target.addresses);
    if (!listens(sockets, target.port, false)) target.port = kDefaultPort;
    return !target.addresses.empty();
  }

  bool from_here(const ServerAddress& url, CaptureTarget& target) const {
    target.any_local = local_name(url.host) && listens(own_sockets_, url.port, true);
    if (!target.any_local) resolve(url.host, target.addresses);
    return target.any_local || !target.addresses.empty();
  }

  fs::path procfs_;
  ProcessTable processes_;
  std::optional<SocketTable> own_sockets_;
  std::set<std::string> own_addresses_;
};

}  // namespace

std::vector<CaptureTarget> capture_targets(const std::vector<OllamaServer>& servers, const HostPaths& paths) {
  const Finder finder(paths);
  std::vector<CaptureTarget> targets;
  for (const OllamaServer& server : servers) {
    if (auto target = finder.find(server)) targets.push_back(*std::move(target));
  }
  return targets;
}

std::string capture_filter(const std::vector<CaptureTarget>& targets) {
  std::string any;
  for (const CaptureTarget& target : targets) {
    const std::string port = "tcp port " + std::to_string(target.port);
    std::string hosts;
    for (const IpAddress& a : target.addresses)
      hosts += (hosts.empty() ? "host " : " or host ") + to_string(a);
    const std::string one = target.any_local || hosts.empty() ? port : port + " and (" + hosts + ")";
    any += (any.empty() ? "(" : " or (") + one + ")";
  }
  return any.empty() ? "" : "(" + any + ") and " + std::string(kWorthReading);
}

}  // namespace tegrascope
