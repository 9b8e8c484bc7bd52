// One inference request as an exact witness sees it: from its head to the last byte of its answer. Sends the
// events.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/request.hpp"
#include "collectors/ollama/body_scanner.hpp"
#include "collectors/ollama/http_head.hpp"
#include "collectors/ollama/routes.hpp"
#include "collectors/ollama/stream_lines.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

// What the observations of one witness share. Must outlive them.
struct ExchangeContext {
  Witness witness = Witness::relay;
  std::string server;  // host:port, as in --ollama.url
  RequestIds& ids;
  RequestSink sink;
  // Takes an end and its final object when that object is larger than kMaxInlineFinalBytes, to complete it
  // elsewhere (complete_from_final) and pass it to the sink. Empty: everything is parsed at once by the
  // caller of the exchange.
  std::function<void(RequestEnded&&, std::string&& final_json)> parse_elsewhere;
  UpstreamKind kind = UpstreamKind::ollama;
  // Asked about each inference request, with its raw head, before it is reported; true: it is not. Empty: all
  // are reported.
  std::function<bool(std::string_view head, MonotonicTime at)> leave_out = nullptr;
};

inline constexpr int kClientClosedRequest = 499;  // as Ollama and nginx log it
inline constexpr std::size_t kMaxInlineFinalBytes = 4 * 1024;

// Not thread-safe; lives on the thread of its exchange. Every path ends in exactly one end().
class Observation {
 public:
  // Sends RequestStarted.
  Observation(const ExchangeContext& context, const Route& route, const RequestHead& head, MonotonicTime at);

  void request_payload(std::string_view payload);
  // The body is complete. Sends RequestDescribed; of a body that is encoded only the answer can tell more, so
  // that it is sent with the answer's head.
  void request_complete();

  void answer_begins(const ResponseHead& head);
  void answer_payload(std::string_view payload, MonotonicTime at);
  // The answer is a stream and its first content has come.
  bool streaming_content() const { return reading_ == Reading::lines && first_content_.has_value(); }
  // The last byte of the answer has come. `client_finished`: the client sent FIN before; a stream that then
  // ends with an error or without its final object was left by it (Ollama cancels such a request, writes an
  // error and ends the answer in order).
  void answer_complete(MonotonicTime at, bool client_finished = false);

  // Bytes of the request, or of its answer, were not seen. The end is marked `gap`; figures in what is missing
  // stay absent.
  void request_gap();
  void answer_gap();

  // Ends it otherwise. `status_code` absent: the one of the answer's head, 0 when none came.
  void end(Outcome outcome, MonotonicTime at, std::optional<int> status_code = std::nullopt);
  void note_error(std::string_view reason);  // the first one stays

 private:
  enum class Reading : std::uint8_t { nothing, lines, whole };

  void describe();
  void content(unsigned lines, MonotonicTime at);
  void take_figures(RequestEnded& ended, std::string& final_json);
  void oversize();

  const ExchangeContext& context_;
  const Route& route_;
  RequestId id_;
  bool request_encoded_;
  bool described_ = false;
  bool streamed_;
  BodyScanner scanner_;

  int status_ = 0;
  Reading reading_ = Reading::nothing;
  std::optional<StreamLines> lines_;
  std::string whole_;  // the body of an answer that is not streamed

  std::optional<MonotonicTime> first_content_;
  MonotonicTime last_content_{};
  MonotonicTime last_progress_{};
  std::uint64_t content_chunks_ = 0;
  Histogram gaps_;
  bool remote_ = false;
  std::string error_;
  bool gap_ = false;          // of the answer
  bool gap_pending_ = false;  // no content has come since
};

}  // namespace tegrascope
