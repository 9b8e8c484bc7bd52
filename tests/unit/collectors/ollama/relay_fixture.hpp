// A running relay between a client and an upstream that the test plays itself.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "collectors/ollama/relay.hpp"
#include "tests/support/scripted_upstream.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope::test {

class RelayTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(RelayOptions options) { start(std::move(options), log_.sink()); }
  void start(RelayOptions options, RequestSink sink) {
    relay_.reset();
    options.listen_addresses = {"127.0.0.1:0"};
    options.upstream_host = "127.0.0.1";
    options.upstream_port = upstream_.port();
    options.server_name = "ollama";
    relay_ = std::make_unique<Relay>(std::move(options), ids_, std::move(sink));
    relay_->start();
  }

  TcpPeer client() const { return TcpPeer::connect(relay_->ports().front()); }

  std::uint64_t refused(RefusalReason reason) const {
    return relay_->counts().refused[static_cast<std::size_t>(reason)];
  }

  // The end that was reported as number `index`.
  RequestEnded end(std::size_t index = 0) {
    EXPECT_TRUE(eventually([&] { return log_.ended().size() > index; }));
    const auto all = log_.ended();
    return index < all.size() ? all[index] : RequestEnded{};
  }

  ScriptedUpstream upstream_;
  EventLog log_;
  RequestIds ids_;
  std::unique_ptr<Relay> relay_;
};

}  // namespace tegrascope::test
