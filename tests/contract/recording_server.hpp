// An Ollama that answers what its clients ask for in the tests, and keeps what reached it.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "tests/contract/contract_fixture.hpp"

namespace tegrascope::test {

// Models: `missing` gives 404, `cut` ends in the middle of its stream, `endless` streams until the client leaves, any
// other five tokens. /v1/ speaks OpenAI's form.
class RecordingServer {
 public:
  RecordingServer() : serving_(listener_, [this](TcpPeer& peer) { serve(peer); }) {}

  std::uint16_t port() const { return listener_.port(); }

  // What came since the last call: each request as it was (ports of Host written as PORT, long bodies by size), and
  // when a client left a stream. Sorted, since connections are independent.
  std::vector<std::string> take_events();

 private:
  void serve(TcpPeer& peer);
  // False: the connection is over.
  bool answer(TcpPeer& peer, const std::string& head, const std::string& body);
  void stream(TcpPeer& peer, const std::string& model, bool openai);
  void note(std::string event);

  ScriptedUpstream listener_;
  std::mutex mutex_;
  std::vector<std::string> events_;
  Serving serving_;  // last: its threads use the rest
};

}  // namespace tegrascope::test
