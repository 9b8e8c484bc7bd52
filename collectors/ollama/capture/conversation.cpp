#include "collectors/ollama/capture/conversation.hpp"

#include <array>
#include <utility>

namespace tegrascope {
namespace {

// "POST /api/chat HTTP/1.1\r\n..."
bool begins_request(std::string_view bytes) {
  constexpr std::array<std::string_view, 6> methods{"POST /",   "GET /", "HEAD /",
                                                    "DELETE /", "PUT /", "OPTIONS /"};
  for (const std::string_view method : methods) {
    if (!bytes.starts_with(method)) continue;
    const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
    return line.size() < bytes.size() && line.substr(0, line.size() - 1).ends_with(" HTTP/1.");
  }
  return false;
}

bool begins_answer(std::string_view bytes) { return bytes.starts_with("HTTP/1."); }

}  // namespace

Conversation::Conversation(std::shared_ptr<const ExchangeContext> context, bool from_start, GapTotals& totals)
    : context_(std::move(context)),
      requests_in_step_(from_start),
      answers_in_step_(from_start),
      totals_(totals) {}

void Conversation::bytes(Direction to, std::string_view bytes, MonotonicTime at) {
  if (to == Direction::to_server) {
    request_bytes(bytes, at);
  } else {
    answer_bytes(bytes, at);
  }
  drop_when_lost();
}

void Conversation::request_bytes(std::string_view bytes, MonotonicTime at) {
  const bool at_start = !exchange_ || exchange_->between_requests();
  // A method may be cut, but begins with a capital letter.
  if (at_start && (bytes.front() < 'A' || bytes.front() > 'Z')) requests_in_step_ = false;
  if (!requests_in_step_) {
    if (!begins_request(bytes)) return;
    requests_in_step_ = true;
  }
  if (!exchange_) exchange_ = std::make_unique<Exchange>(*context_);
  // Clients ask again when they have the answer: those to earlier requests are not coming any more.
  const bool answers_astray = !answers_in_step_ || exchange_->searching();
  if (answers_astray && at_start && exchange_->in_flight() > 0) {
    exchange_->answers_lost(at);
    answers_in_step_ = false;
  }
  exchange_->feed_request(bytes, at);
}

void Conversation::answer_bytes(std::string_view bytes, MonotonicTime at) {
  if (in_flight() == 0) {  // to a request that was not seen
    answers_in_step_ = false;
    return;
  }
  if (exchange_->searching() && begins_answer(bytes)) {
    exchange_->answers_lost(at);
    answers_in_step_ = false;
    return;
  }
  if (!answers_in_step_) {
    if (!begins_answer(bytes)) return;
    answers_in_step_ = true;
  }
  exchange_->feed_response(bytes, at);
}

void Conversation::gap(Direction to, std::uint64_t lost, MonotonicTime at) {
  ++totals_.gaps;
  totals_.lost_bytes += lost;
  if (to == Direction::to_server) {
    requests_in_step_ = requests_in_step_ && exchange_ && exchange_->request_gap(lost, at);
  } else {
    answers_in_step_ = answers_in_step_ && exchange_ && exchange_->answer_gap(lost, at);
  }
}

void Conversation::finished(Direction to, MonotonicTime at) {
  if (!exchange_) return;
  if (to == Direction::to_server) {
    exchange_->client_finished(at);
  } else if (!answers_in_step_ || exchange_->searching()) {
    exchange_->answers_lost(at);
  } else {
    exchange_->upstream_closed(at);
  }
}

void Conversation::reset(Direction to, MonotonicTime at) {
  if (!exchange_) return;
  if (to == Direction::to_server) {
    exchange_->client_closed(at);
  } else {
    finished(to, at);
  }
}

void Conversation::abandon(MonotonicTime at) {
  if (exchange_) exchange_->abandon(at);
}

// The decoder gave up: a new one takes over with the next request that can be recognised.
void Conversation::drop_when_lost() {
  if (!exchange_ || !exchange_->lost()) return;
  exchange_.reset();
  requests_in_step_ = answers_in_step_ = false;
}

}  // namespace tegrascope
