// Configuration of `tegrascope run`. Defaults here; agent/cli/options binds flags, environment and file to
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "agent/placement/thresholds.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

struct Config {
  std::vector<std::string> web_listen_addresses{"127.0.0.1:11480"};
  std::string web_port_file;  // decimal port and newline, a line per listener; empty: none
  std::string relay_port_file;

  HostPaths paths;
  std::map<std::string, bool> collectors;  // on or off by name; the registry decides for the rest
  std::chrono::nanoseconds sample_interval = std::chrono::milliseconds(100);  // while a request is in flight
  std::chrono::nanoseconds sample_idle_interval = std::chrono::seconds(1);
  std::uint64_t sample_seed = 0;  // of the random instants; 0: from the system

  std::vector<std::string> ollama_urls{"auto"};
  std::vector<std::string> observe{
      "auto"};  // witnesses of requests: auto, relay, capture, slots, log, process, poll
  std::string ollama_log_file = "auto";               // as in find_log_places()
  std::vector<std::string> relay_listen_addresses;    // empty: no relay
  UpstreamKind upstream_kind = UpstreamKind::ollama;  // of every server in ollama_urls
  std::vector<std::string> relay_allowed_hosts;       // as in make_host_policy()
  bool relay_rewrite_host = false;                    // Host becomes the upstream's address
  bool relay_guard = false;
  std::size_t relay_max_connections = 512;
  std::chrono::milliseconds relay_head_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds relay_drain_time = std::chrono::seconds(20);

  PlacementThresholds placement;

  std::string storage_path = "auto";  // directory; as in storage_directory()

  std::string record;                         // file that everything observed goes to; empty: none
  std::uint64_t record_max_bytes = 1u << 30;  // of that file
  std::string events_web_hook_url;            // http or https; empty: none
  std::string events_web_hook_secret_file;    // its first line signs; empty: not signed

  // Listening sockets that systemd has passed; they take the place of the listen addresses.
  std::vector<int> web_sockets;
  std::vector<int> relay_sockets;

  std::string log_level = "info";     // debug, info, warn, error
  std::string log_format = "logfmt";  // logfmt, json
};

// Throws std::invalid_argument that names the value and what is right.
// "100ms", "1s", "1.5s", "250us", "2m".
std::chrono::nanoseconds parse_duration(const std::string& text);
std::string format_duration(std::chrono::nanoseconds duration);

// What CLI parsing cannot check: combinations. Throws std::invalid_argument.
void validate(const Config& config);

// Whether there is a relay at all.
bool has_relay(const Config& config);

// Asked for by name, or by auto.
bool observes(const Config& config, const std::string& witness);
// Asked for by name; auto never switches the capture on.
bool observes_by_capture(const Config& config);

}  // namespace tegrascope
