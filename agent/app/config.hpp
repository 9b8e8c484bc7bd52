// Configuration of `tegrascope run`. Defaults here; agent/cli/options binds flags, environment and file to
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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
  std::vector<std::string> observe{"auto"};  // witnesses of requests: auto, relay, slots, process, poll
  std::vector<std::string> relay_listen_addresses;  // empty: no relay
  std::vector<std::string> relay_allowed_hosts;     // Host names accepted; empty: any
  std::chrono::milliseconds relay_drain_time = std::chrono::seconds(20);

  std::string log_level = "info";     // debug, info, warn, error
  std::string log_format = "logfmt";  // logfmt, json
};

// Throws std::invalid_argument that names the value and what is right.
// "100ms", "1s", "1.5s", "250us", "2m".
std::chrono::nanoseconds parse_duration(const std::string& text);
std::string format_duration(std::chrono::nanoseconds duration);

// What CLI parsing cannot check: combinations. Throws std::invalid_argument.
void validate(const Config& config);

bool observes(const Config& config, const std::string& witness);

}  // namespace tegrascope
