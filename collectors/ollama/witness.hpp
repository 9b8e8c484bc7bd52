// The seam between witnesses of requests and the analysis.
#pragma once

#include <atomic>
#include <functional>

#include "agent/model/request.hpp"

namespace tegrascope {

// Receives the events of one witness in order. Called on the witness's own thread, must not block or throw.
using RequestSink = std::function<void(RequestEvent&&)>;

// Hands out ids that are unique across witnesses; any thread.
class RequestIds {
 public:
  RequestId next() { return last_.fetch_add(1, std::memory_order_relaxed) + 1; }

 private:
  std::atomic<RequestId> last_{0};
};

}  // namespace tegrascope
