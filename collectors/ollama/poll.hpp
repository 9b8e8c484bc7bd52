// Asks Ollama servers what they have loaded. Sparing: each poll writes a line into Ollama's log.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/ollama/outbound.hpp"

namespace tegrascope {

struct PollOptions {
  std::chrono::milliseconds busy_interval{5'000};  // while set_busy(true), or a model is resident
  std::chrono::milliseconds idle_interval{15'000};
  std::chrono::milliseconds version_interval{60'000};  // /api/version; also asked first after an outage
  std::chrono::milliseconds shortest_gap{300};  // between two polls of one server, whoever asks for them
};

// One round asks GET /api/version when due, then GET /api/ps, then delivers a ServerState. Two more questions
// have their own pace, one at a time per server, and the state is delivered again when they told something:
// POST /api/show, once per (model, digest) seen resident, for its blob and shape; GET /api/tags, after each
// /api/version and when a resident model's file is not in the last list, for the sizes on disk and the models
// that another host computes.
//
// up: /api/ps was answered with 200 and could be read; of an Ollama before 0.1.33, which has no /api/ps, that
// /api/version was. Otherwise `error` says why. models_known is false after every failure: nobody knows what
// is loaded in a server that does not answer. The version is kept through a timeout and forgotten when nobody
// listens.
//
// A server that speaks only OpenAI's API is asked GET /health instead, or GET /v1/models where it has none; what it
// has loaded stays unknown.
//
// All functions may be called from any thread and return at once. The sink runs on the outbound thread.
class Poller {
 public:
  using Sink = std::function<void(ServerState&&)>;

  // `outbound` must outlive this.
  Poller(Outbound& outbound, std::vector<OllamaServer> servers, PollOptions options, Sink sink);
  ~Poller();  // stops
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void start();

  // Something changed at the server of that name: polls at once, but not before shortest_gap is over. Calls
  // before that are one poll. Unknown names are ignored.
  void poll_soon(std::string_view server);

  // The servers to watch from now on. Known names go on as they were (with the new serve_pid), new ones are
  // polled at once, nothing more is delivered of the others.
  void set_servers(std::vector<OllamaServer> servers);

  // True while a request is in flight anywhere.
  void set_busy(bool busy);

  // When it returns, the sink is not running and will not be called again. Not from the sink.
  void stop();

 private:
  class Core;
  std::shared_ptr<Core> core_;
  std::vector<OllamaServer> servers_;  // until start()
};

}  // namespace tegrascope
