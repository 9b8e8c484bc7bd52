// The one thread for requests that the agent itself makes: polls of Ollama, web hooks. libcurl's multi
// interface.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

enum class HttpFailure {
  none,         // an answer came, whatever its status
  unreachable,  // connection refused, no route, unknown name: nobody listens there
  timeout,      // connected or not, the time was up: the server's state is unknown
  too_large,    // the answer exceeds OutboundOptions::max_answer_bytes
  other         // the connection broke, or what came is not HTTP
};

struct HttpAnswer {
  HttpFailure failure = HttpFailure::none;
  int status = 0;     // 0 when there was no answer; known also where the body failed
  std::string body;   // only when failure is none
  std::string error;  // one phrase, empty when failure is none
};

struct OutboundOptions {
  std::string user_agent;  // empty: tegrascope/VERSION
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds total_timeout{5000};
  std::size_t max_answer_bytes = 4u << 20;
};

// Member functions may be called from any thread, callbacks and tasks run on the outbound thread and must not
// throw or block. Proxy variables of the environment are ignored; redirects are not followed; http and https
// only. Call curl_global_init before other threads start (the constructor does it, which is too late when
// threads run already).
class Outbound {
 public:
  using Callback = std::function<void(HttpAnswer)>;
  using Task = std::function<void()>;

  explicit Outbound(OutboundOptions options = {});
  ~Outbound();  // stops
  Outbound(const Outbound&) = delete;
  Outbound& operator=(const Outbound&) = delete;

  void get(std::string url, Callback callback);
  // `headers` beside Content-Type, each "Name: value".
  void post_json(std::string url, std::string body, Callback callback, std::vector<std::string> headers = {});

  // Runs `task` at `when`, or as soon as possible when that is past.
  void call_at(MonotonicTime when, Task task);

  // Ends at once: open transfers are cut, their callbacks and tasks still waiting are dropped uncalled. When
  // it returns, no callback runs any more. Later calls of the other functions do nothing. Not from a
  // callback.
  void stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace tegrascope
