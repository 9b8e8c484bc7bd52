// What client and server say to each other over one TCP connection, given to the decoder. Finds the start of
// messages where the capture joined in the middle or missed packets. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "collectors/ollama/capture/tcp_stream.hpp"
#include "collectors/ollama/exchange.hpp"

namespace tegrascope {

struct GapTotals {
  std::uint64_t gaps = 0;
  std::uint64_t lost_bytes = 0;
};

// A request whose bytes, or those of its answer, are not all there is marked (observation error `gap`), and
// incomplete when its end is missing; with the next message that can be recognised all is well again. A
// message begins where a segment does.
class Conversation : public TcpStreams::Receiver {
 public:
  // `from_start`: the connection was seen to open. `totals` must outlive this.
  Conversation(std::shared_ptr<const ExchangeContext> context, bool from_start, GapTotals& totals);

  void bytes(Direction to, std::string_view bytes, MonotonicTime at) override;
  void gap(Direction to, std::uint64_t lost, MonotonicTime at) override;
  void finished(Direction to, MonotonicTime at) override;
  void reset(Direction to, MonotonicTime at) override;

  // Nothing more is seen of this connection: what is open is incomplete.
  void abandon(MonotonicTime at);

  std::size_t in_flight() const { return exchange_ ? exchange_->in_flight() : 0; }

 private:
  void request_bytes(std::string_view bytes, MonotonicTime at);
  void answer_bytes(std::string_view bytes, MonotonicTime at);
  void drop_when_lost();

  std::shared_ptr<const ExchangeContext> context_;
  std::unique_ptr<Exchange> exchange_;  // from the first request on
  bool requests_in_step_;               // the next byte of the client is where the decoder thinks it is
  bool answers_in_step_;
  GapTotals& totals_;
};

}  // namespace tegrascope
