#include "collectors/ollama/observation.hpp"

#include <utility>

#include "agent/model/ollama.hpp"
#include "collectors/ollama/final_counts.hpp"

namespace tegrascope {
namespace {

constexpr std::chrono::milliseconds kProgressInterval{400};

}  // namespace

Observation::Observation(const ExchangeContext& context, const Route& route, const RequestHead& head,
                         MonotonicTime at)
    : context_(context),
      route_(route),
      id_(context.ids.next()),
      request_encoded_(head.encoded),
      streamed_(route.streams_by_default) {
  context_.sink(RequestStarted{id_, context_.witness, context_.server, std::string(route.endpoint),
                               route.operation, at});
}

void Observation::request_payload(std::string_view payload) {
  if (!request_encoded_) scanner_.feed(payload);
}

void Observation::request_complete() {
  if (request_encoded_ || described_) return;
  const bool streams = scanner_.fields().stream.value_or(route_.streams_by_default);
  streamed_ = route_.stream_format != StreamFormat::none && streams;
  describe();
}

void Observation::describe() {
  if (described_) return;
  described_ = true;
  const RequestFields& fields = scanner_.fields();
  remote_ = context_.kind == UpstreamKind::ollama && is_cloud_name(fields.model);
  RequestDescribed event;
  event.id = id_;
  event.model = fields.model;
  event.streamed = streamed_;
  if (fields.num_gpu && *fields.num_gpu >= INT32_MIN && *fields.num_gpu <= INT32_MAX) {
    event.gpu_layers = static_cast<int>(*fields.num_gpu);
  }
  event.num_predict = fields.num_predict;
  event.context_length = fields.num_ctx;
  event.keep_alive = fields.keep_alive;
  event.remote = remote_;
  context_.sink(std::move(event));
}

void Observation::answer_begins(const ResponseHead& head) {
  request_complete();  // answered before its body was complete
  StreamFormat format = StreamFormat::none;
  if (head.content_type == "application/x-ndjson") {
    format = StreamFormat::ndjson;
  } else if (head.content_type == "text/event-stream") {
    format = StreamFormat::sse;
  } else if (streamed_ && head.content_type != "application/json") {
    format = route_.stream_format;
  }
  if (request_encoded_) streamed_ = format != StreamFormat::none && head.status < 400;
  describe();
  status_ = head.status;
  if (head.status >= 400) return;
  if (head.encoded || request_encoded_) note_error("encoding");
  if (head.encoded) return;
  reading_ = format == StreamFormat::none ? Reading::whole : Reading::lines;
  if (reading_ == Reading::lines) lines_.emplace(format, route_.dialect);
}

void Observation::answer_payload(std::string_view payload, MonotonicTime at) {
  if (reading_ == Reading::lines) {
    const unsigned with_content = lines_->feed(payload);
    remote_ = remote_ || lines_->remote_seen();
    if (with_content > 0) content(with_content, at);
    if (lines_->oversize()) oversize();
  } else if (reading_ == Reading::whole) {
    if (whole_.size() + payload.size() > kMaxObservedBytes) {
      oversize();
    } else {
      whole_.append(payload);
    }
  }
}

void Observation::oversize() {
  note_error("oversize");
  reading_ = Reading::nothing;
  whole_ = std::string();
}

void Observation::content(unsigned lines, MonotonicTime at) {
  unsigned gaps = lines;
  const bool first = !first_content_;
  if (first) {
    first_content_ = at;
    gaps_ = Histogram(kInterTokenEdges);
    --gaps;
  } else {
    if (!gap_pending_) gaps_.observe(to_seconds(at - last_content_));
    --gaps;
  }
  gap_pending_ = false;
  for (; gaps > 0; --gaps) gaps_.observe(0);  // lines that came in one read
  last_content_ = at;
  content_chunks_ += lines;
  if (!first && at - last_progress_ < kProgressInterval) return;
  last_progress_ = at;
  RequestProgress event{id_, at, first_content_, content_chunks_, gaps_, remote_};
  gaps_.clear();
  context_.sink(std::move(event));
}

void Observation::answer_complete(MonotonicTime at, bool client_finished) {
  Outcome outcome = Outcome::ok;
  if (status_ >= 400) {
    outcome = Outcome::error;
  } else if (reading_ == Reading::lines) {
    if (const unsigned with_content = lines_->finish(); with_content > 0) content(with_content, at);
    if (lines_->malformed_seen()) note_error("json");
    if (client_finished && (lines_->error_seen() || !lines_->ended())) {
      return end(Outcome::client_aborted, at, kClientClosedRequest);
    }
    if (lines_->error_seen()) {
      outcome = Outcome::error;
    } else if (!lines_->ended() && gap_) {
      outcome = Outcome::incomplete;
    } else if (!lines_->ended() && !lines_->malformed_seen()) {
      outcome = Outcome::upstream_aborted;  // runner crash, repeated tokens: Ollama ends the stream without
                                            // its final object
    }
  }
  end(outcome, at);
}

void Observation::end(Outcome outcome, MonotonicTime at, std::optional<int> status_code) {
  request_complete();
  describe();
  RequestEnded ended;
  ended.id = id_;
  ended.at = at;
  ended.status_code = status_code.value_or(status_);
  ended.outcome = outcome;
  ended.first_content = first_content_;
  ended.content_chunks = content_chunks_;
  ended.chunk_gaps = std::move(gaps_);
  std::string final_json;
  take_figures(ended, final_json);
  ended.observation_error = std::move(error_);
  if (final_json.size() > kMaxInlineFinalBytes && context_.parse_elsewhere) {
    context_.parse_elsewhere(std::move(ended), std::move(final_json));
    return;
  }
  if (!final_json.empty()) complete_from_final(ended, final_json);
  context_.sink(std::move(ended));
}

void Observation::take_figures(RequestEnded& ended, std::string& final_json) {
  if (reading_ == Reading::lines) {
    remote_ = remote_ || lines_->remote_seen();
    final_json = lines_->take_final();
    if (final_json.empty() && ended.outcome == Outcome::ok && route_.stream_format == StreamFormat::sse)
      note_error("usage_missing");
    const std::string opening = lines_->take_opening();
    if (!final_json.empty() && !opening.empty()) {
      ended.counts = read_final_counts(opening).counts;
      if (ended.counts) ended.counts->output_tokens.reset();
    }
  } else if (reading_ == Reading::whole && ended.outcome == Outcome::ok) {
    final_json = std::move(whole_);
    if (final_json.empty()) note_error("json");
    // llama.cpp's own embeddings are a list without figures.
    if (route_.dialect == Dialect::llama_cpp && final_json.starts_with('[')) final_json.clear();
  }
  ended.remote = remote_;
}

void Observation::request_gap() {
  note_error("gap");
  request_encoded_ = true;  // what follows the gap would be misread
}

void Observation::answer_gap() {
  note_error("gap");
  gap_ = gap_pending_ = true;
  if (lines_) lines_->gap();
  if (reading_ == Reading::whole) {
    reading_ = Reading::nothing;
    whole_ = std::string();
  }
}

void Observation::note_error(std::string_view reason) {
  if (error_.empty()) error_ = reason;
}

}  // namespace tegrascope
