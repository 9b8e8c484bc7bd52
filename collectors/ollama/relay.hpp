// The exact witness: clients come through us to Ollama. Bytes pass unchanged both ways; answers are forwarded
// first and observed afterwards. Each client connection has one upstream connection of its own, opened when
// its first request head has passed the check. No timeout of ours on a living connection. A FIN is passed on
// as FIN, an RST as RST, at once.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collectors/ollama/request_gate.hpp"
#include "collectors/ollama/seen_requests.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

struct RelayOptions {
  std::vector<std::string> listen_addresses;  // host:port; port 0: any free port
  std::vector<int> sockets;  // listening already (systemd holds them); in the place of listen_addresses
  std::string upstream_host = "127.0.0.1";  // resolved once, by start()
  std::uint16_t upstream_port = 11434;
  std::string server_name;  // host:port as in --ollama.url; the `server` label
  std::chrono::milliseconds drain_time{20000};
  GateRules rules;
  std::size_t max_connections = 512;  // of clients; one costs at most two descriptors
  // From the first byte of a request head to its last. Nothing else in an exchange has a deadline.
  std::chrono::milliseconds head_timeout{30000};
  SeenRequests* announce_to = nullptr;  // each inference request is announced there; must outlive the relay
};

// Since start(), but for `connections`.
struct RelayCounts {
  std::size_t connections = 0;  // of clients, now
  std::size_t in_flight = 0;    // requests, of any route, whose answer is not complete
  std::uint64_t bytes_in = 0;   // from clients
  std::uint64_t bytes_out = 0;  // from Ollama to clients
  std::array<std::uint64_t, kRefusalReasons> refused{};  // requests not forwarded, by RefusalReason
  std::uint64_t connections_refused = 0;                 // max_connections, all of them in an exchange
  std::uint64_t connections_evicted = 0;                 // without a request, closed to make room
  std::uint64_t observation_failures = 0;                // went on unobserved after an internal error
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

  // Takes whoever has connected (not from `sockets`: they wait there for the next process), closes the listeners
  // and idle connections, lets exchanges in flight finish within drain_time, resets the rest
  // (Outcome::incomplete) and ends the thread. A client that has just connected has a second to send its request.
  // Every event has been delivered when it returns. Any thread but the relay's own; harmless when repeated.
  void stop();

  // A stop() under way does not wait any longer. Any thread, returns at once.
  void hurry();

  RelayCounts counts() const;  // any thread

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tegrascope
