// Where Ollama itself listens, as its packets show it: in a container its own address and port, not the
// published ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/collector.hpp"
#include "collectors/ollama/capture/packet.hpp"

namespace tegrascope {

struct CaptureTarget {
  std::string server;  // OllamaServer::name
  std::uint16_t port = 0;
  bool any_local = false;            // it listens on every address of this network namespace
  std::vector<IpAddress> addresses;  // otherwise: on these
  friend bool operator==(const CaptureTarget&, const CaptureTarget&) = default;
};

// Reads PROCFS; a URL's host name is resolved. Never throws; a server that cannot be told is left out. Any
// thread that may wait for files and DNS.
//
// - A URL on this machine whose port docker-proxy publishes: the container's address and port.
// - A URL on this machine at whose port nobody listens here (published without docker-proxy): the own addresses
//   of its serve_pid's network namespace, and the URL's port where it listens on it, else 11434.
// - Otherwise any local address when a wildcard is listened on at a loopback URL's port, else the URL's host.
std::vector<CaptureTarget> capture_targets(const std::vector<OllamaServer>& servers, const HostPaths& paths);

// pcap-filter(7) for the packets of these targets that carry payload, SYN, FIN or RST. Empty without targets.
// It never says `inbound`: libpcap filters the first packets in user space, where that matches nothing
// (libpcap#1482).
std::string capture_filter(const std::vector<CaptureTarget>& targets);

}  // namespace tegrascope
