// Decodes one HTTP/1 connection between a client and Ollama from its bytes, and reports its inference
// requests. Used by the relay, the capture and `decode exchange`. Times are the caller's; not thread-safe.
// Whatever comes, it does not fail: what it cannot follow it stops observing.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "collectors/ollama/http_body.hpp"
#include "collectors/ollama/http_head.hpp"
#include "collectors/ollama/observation.hpp"

namespace tegrascope {

class Exchange {
 public:
  explicit Exchange(const ExchangeContext& context) : context_(context) {}
  // Ends what is still open as incomplete, at the time of the last bytes.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Bytes from the client and from the server, each direction in order, cut anywhere; a request before its
  // answer.
  void feed_request(std::string_view bytes, MonotonicTime at);
  void feed_response(std::string_view bytes, MonotonicTime at);

  // `lost` bytes were not seen. True: the message that they belong to goes on behind them. False: feed that
  // direction nothing more but from the start of a message on.
  bool request_gap(std::uint64_t lost, MonotonicTime at);
  bool answer_gap(std::uint64_t lost, MonotonicTime at);
  // The answers of all requests so far lay in a gap: what is open is incomplete.
  void answers_lost(MonotonicTime at);
  // The next byte of the client begins a request.
  bool between_requests() const { return request_body_.done() && request_head_.empty(); }
  // Within an answer whose chunks have not been found again behind a gap.
  bool searching() const { return response_body_.searching(); }

  // FIN of the client. It may still read: what gets its whole answer is fine, what does not counts as left by
  // the client.
  void client_finished(MonotonicTime at);
  // The client's side is gone (RST, or bytes could not be delivered).
  void client_closed(MonotonicTime at);
  // FIN or RST of the server.
  void upstream_closed(MonotonicTime at);
  // The witness stops looking (agent ends): what is open is incomplete.
  void abandon(MonotonicTime at);

  // Requests, observed or not, whose answer is not complete.
  std::size_t in_flight() const { return pending_.size(); }
  // The first of them has begun to be answered.
  bool answer_begun() const { return !response_head_.empty() || !response_body_.done(); }
  // In the middle of a streamed answer whose first content has come, and no other answer waits behind it.
  bool mid_stream() const;
  // The bytes could not be followed (no HTTP/1, or upgraded to something else); in_flight() tells nothing any
  // more.
  bool lost() const { return lost_; }

 private:
  struct Pending {
    bool is_head = false;                      // method HEAD: the answer has no body
    std::unique_ptr<Observation> observation;  // absent for routes that are no inference
  };
  void request_head(MonotonicTime at);
  void response_head(MonotonicTime at);
  void answer_complete(MonotonicTime at);
  void end_all(Outcome outcome, MonotonicTime at, std::optional<int> status_code);
  void lose(MonotonicTime at);

  const ExchangeContext& context_;
  std::deque<Pending> pending_;
  Observation* sending_ = nullptr;  // the one in pending_ whose request body is passing

  std::string request_head_;  // an incomplete head
  BodyTracker request_body_;
  std::string response_head_;
  BodyTracker response_body_;
  bool client_finished_ = false;
  bool lost_ = false;
  MonotonicTime last_{};
};

}  // namespace tegrascope
