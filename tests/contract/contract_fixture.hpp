// A proxy under test between a client and an upstream that the test plays. Without further words the proxy is the
// relay. TEGRASCOPE_CONTRACT_PROXY=HOST:PORT names another one on this machine, which must pass to
// 127.0.0.1:TEGRASCOPE_CONTRACT_UPSTREAM.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collectors/ollama/relay.hpp"
#include "tests/support/scripted_upstream.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope::test {

class Contract : public testing::Test {
 protected:
  Contract();

  // Another proxy than the relay is tested.
  static bool is_foreign();
  // The relay with other options; tests that need it skip with a foreign proxy.
  void start(RelayOptions options);

  std::uint16_t proxy_port() const { return foreign_port_ != 0 ? foreign_port_ : relay_->ports().front(); }
  TcpPeer client() const { return TcpPeer::connect(proxy_port()); }

  ScriptedUpstream upstream_;

 private:
  std::uint16_t foreign_port_ = 0;
  RequestIds ids_;
  std::unique_ptr<Relay> relay_;
};

struct WireRequest {
  std::string head;
  std::string body;
};

// The next request of a connection, its body by Content-Length or in chunks. Throws when the connection ends before.
WireRequest read_request(TcpPeer& peer);

// The body that `head` announces.
std::string read_request_body(TcpPeer& peer, const RequestHead& head);

struct WireAnswer {
  int status = 0;
  std::string head;
  std::string payload;    // without the framing
  bool complete = false;  // by its own framing, or ended by FIN where that is the framing
};

// The next answer of a connection, or what there is of it when the connection ends.
WireAnswer read_answer(TcpPeer& peer, bool to_head = false);

// Serves every connection of `upstream` on a thread of its own until it is destroyed: `serve` is called with each
// connection and may throw when that ends.
class Serving {
 public:
  Serving(ScriptedUpstream& upstream, std::function<void(TcpPeer&)> serve);
  ~Serving();
  std::size_t connections() const { return connections_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> connections_{0};
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace tegrascope::test
