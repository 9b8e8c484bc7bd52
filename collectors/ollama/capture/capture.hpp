// Witness `capture`: reads the packets of the watched servers with libpcap, changing nothing in their path.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/model/snapshot.hpp"
#include "collectors/ollama/capture/targets.hpp"
#include "collectors/ollama/seen_requests.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

// Receives what became of the capture: at its start, when that changes, and at most once a second while packets
// come. On the capture thread, must not block.
using CaptureStateSink = std::function<void(CaptureView&&)>;

// A thread of its own. Needs CAP_NET_RAW and nothing else, once, when it starts. Watches the pseudo-device `any`
// of its network namespace: host, LAN and container clients, interfaces that come and go; a connection that
// several interfaces show counts once. It sees nothing that stays inside another namespace.
//
// Events come up to 0.1 s late (the kernel hands packets over in blocks), with the packets' own times.
class Capture {
 public:
  // `sink` is called on the capture thread, must not block. `ids` and `seen` must outlive the capture.
  Capture(RequestIds& ids, RequestSink sink, SeenRequests* seen, CaptureStateSink state);
  ~Capture();  // stop()
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Once. Throws only std::system_error, when there is no descriptor or thread left; without permission it
  // reports itself off, with the reason and how to grant it.
  void start();

  // What to watch from now on; any thread, also before start().
  void set_targets(std::vector<CaptureTarget> targets);

  // Reports open requests as incomplete and ends the thread. Any thread but the capture's; harmless when repeated.
  void stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tegrascope
