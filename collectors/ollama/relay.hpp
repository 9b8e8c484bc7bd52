// The exact witness: clients come through us to Ollama. Bytes pass unchanged both ways; answers are forwarded
// first and observed afterwards. Each client connection has one upstream connection of its own, opened when
// its first request head has passed the check. No timeout of ours on a living connection. A FIN is passed on
// as FIN, an RST as RST, at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collectors/ollama/seen_requests.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

struct RelayOptions {
  std::vector<std::string> listen_addresses;  // host:port; port 0: any free port
  std::string upstream_host = "127.0.0.1";    // resolved once, by start()
  std::uint16_t upstream_port = 11434;
  std::string server_name;  // host:port as in --ollama.url; the `server` label
  std::chrono::milliseconds drain_time{20000};
  std::vector<std::string> allowed_hosts;  // names a Host field may hold (host_allowed()); empty: no check
  SeenRequests* announce_to = nullptr;  // each inference request is announced there; must outlive the relay
};

class Relay {
 public:
  // `sink` is called on the relay thread, must not block. `ids` must outlive the relay.
  Relay(RelayOptions options, RequestIds& ids, RequestSink sink);
  ~Relay();  // stop()
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Binds all addresses, then starts the relay thread. Throws std::runtime_error (std::system_error when the
  // kernel refused) whose text names the address; then nothing is left open. Once only.
  void start();

  // The ports that are listened on, in the order of listen_addresses. Valid after start().
  std::vector<std::uint16_t> ports() const;

  // Closes the listeners; connections live on. Any thread, returns at once.
  void stop_accepting();

  // Closes the listeners and idle connections at once, lets exchanges in flight finish within drain_time,
  // resets the rest (Outcome::incomplete) and ends the thread. Every event has been delivered when it
  // returns. Any thread but the relay's own; harmless when repeated.
  void stop();

  // Any thread.
  std::size_t in_flight() const;               // requests, of any route, whose answer is not complete
  std::size_t connections() const;             // client connections
  std::uint64_t bytes_in() const;              // from clients
  std::uint64_t bytes_out() const;             // from Ollama to clients
  std::uint64_t refused_requests() const;      // heads or bodies that were not forwarded
  std::uint64_t observation_failures() const;  // connections that went on unobserved after an internal error

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tegrascope
