// --events.webhook-url: each event as a signed POST, one at a time, from the outbound thread. Waits for nobody and lets
// nobody wait: what does not fit into the queue is dropped and counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/model/event.hpp"
#include "agent/model/snapshot.hpp"
#include "collectors/ollama/outbound.hpp"

namespace tegrascope {

struct WebHookOptions {
  std::string url;     // http or https
  std::string secret;  // of the signature; empty: not signed
  std::string host;    // name of this machine, told in each event
  std::size_t max_waiting = 64;
  int tries = 6;                                     // then it is given up
  std::chrono::milliseconds first_pause{1000};       // between tries; four times as long after each
  std::chrono::milliseconds longest_pause{300'000};  // so about ten minutes in all
};

// Headers of a delivery:
//   X-Tegrascope-Event      fallback
//   X-Tegrascope-Signature  sha256=HEX, the HMAC of the body with the secret
// Delivered is what is answered with 2xx. Tried again: no answer, 408, 425, 429 and 5xx; any other answer is final.
class WebHook {
 public:
  // `outbound` must be stopped before this ends.
  WebHook(Outbound& outbound, WebHookOptions options);

  // Any thread; returns at once.
  void send(const Event& event);
  WebHookView view() const;

 private:
  struct Delivery {
    std::string kind;
    std::string body;
    int tries = 0;
  };
  void deliver();
  void answered(const HttpAnswer& answer);
  std::chrono::milliseconds pause_after(int tries) const;

  Outbound& outbound_;
  const WebHookOptions options_;
  mutable std::mutex mutex_;
  std::deque<Delivery> waiting_;  // the first is under way
  WebHookView view_;
  bool failing_ = false;  // told in the log
};

// sha256=HEX, the HMAC of the body. Throws std::runtime_error when OpenSSL refuses.
std::string web_hook_signature(std::string_view secret, std::string_view body);

// The first line of the file. Throws std::invalid_argument that names it and what is wrong: unreadable, empty, open to
// everybody.
std::string read_secret(const std::string& path);

// Throws std::invalid_argument for anything but http:// and https:// with a host.
void check_web_hook_url(const std::string& url);

}  // namespace tegrascope
