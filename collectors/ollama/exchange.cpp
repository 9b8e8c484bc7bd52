#include "collectors/ollama/exchange.hpp"

#include <utility>
#include <variant>

namespace tegrascope {
namespace {

constexpr std::size_t kMaxPipelined = 256;  // requests of one connection without an answer
constexpr int kSwitchingProtocols = 101;

}  // namespace

Exchange::~Exchange() {
  try {
    abandon(last_);
  } catch (...) {  // out of memory: the open requests are lost to the record
  }
}

void Exchange::feed_request(std::string_view bytes, MonotonicTime at) {
  last_ = at;
  while (!bytes.empty() && !lost_) {
    if (!request_body_.done()) {
      const BodyTracker::Step step = request_body_.next(bytes);
      if (sending_ != nullptr) sending_->request_payload(step.payload);
      bytes.remove_prefix(step.consumed);
      if (request_body_.bad()) return lose(at);
      if (request_body_.done() && sending_ != nullptr) {
        sending_->request_complete();
        sending_ = nullptr;
      }
      continue;
    }
    const std::size_t scanned = request_head_.size();
    request_head_.append(bytes);
    const auto found = find_request_head_end(request_head_, scanned);
    if (std::holds_alternative<Refusal>(found)) return lose(at);
    const auto end = std::get<std::optional<std::size_t>>(found);
    if (!end) return;
    bytes.remove_prefix(*end - scanned);
    request_head_.resize(*end);
    request_head(at);
    request_head_.clear();
  }
}

void Exchange::request_head(MonotonicTime at) {
  auto checked = check_request_head(request_head_);
  if (std::holds_alternative<Refusal>(checked) || pending_.size() >= kMaxPipelined) return lose(at);
  const auto& head = std::get<RequestHead>(checked);
  request_body_ = BodyTracker(head.framing, head.content_length, Strictness::strict);
  const Route& route = find_route(head.method, head.target, context_.kind);
  Pending pending;
  pending.is_head = head.method == "HEAD";
  if (route.is_inference && !(context_.leave_out && context_.leave_out(request_head_, at))) {
    pending.observation = std::make_unique<Observation>(context_, route, head, at);
    sending_ = pending.observation.get();
    if (request_body_.done()) {
      sending_->request_complete();
      sending_ = nullptr;
    }
  }
  pending_.push_back(std::move(pending));
}

void Exchange::feed_response(std::string_view bytes, MonotonicTime at) {
  last_ = at;
  while (!bytes.empty() && !lost_) {
    if (!response_body_.done()) {
      const BodyTracker::Step step = response_body_.next(bytes);
      Observation* observation = pending_.front().observation.get();
      if (observation != nullptr && !step.payload.empty()) observation->answer_payload(step.payload, at);
      bytes.remove_prefix(step.consumed);
      if (response_body_.bad()) return lose(at);
      if (response_body_.done()) answer_complete(at);
      continue;
    }
    if (pending_.empty()) return lose(at);  // an answer that nobody asked for
    const std::size_t before = response_head_.size();
    response_head_.append(bytes);
    const std::size_t end = find_response_head_end(response_head_);
    if (end == std::string::npos) {
      if (response_head_.size() > kMaxHeadBytes) lose(at);
      return;
    }
    bytes.remove_prefix(end - before);
    response_head_.resize(end);
    response_head(at);
    response_head_.clear();
  }
}

void Exchange::response_head(MonotonicTime at) {
  const auto head = read_response_head(response_head_, pending_.front().is_head);
  if (!head || head->status == kSwitchingProtocols) return lose(at);
  if (head->status < 200) return;  // 100-continue: the answer is yet to come
  response_body_ = BodyTracker(head->framing, head->content_length, Strictness::lenient);
  if (Observation* observation = pending_.front().observation.get()) observation->answer_begins(*head);
  if (response_body_.done()) answer_complete(at);
}

void Exchange::answer_complete(MonotonicTime at) {
  Pending answered = std::move(pending_.front());
  pending_.pop_front();
  response_body_ = BodyTracker();
  if (!answered.observation) return;
  if (sending_ == answered.observation.get()) sending_ = nullptr;  // answered before its body was complete
  answered.observation->answer_complete(at, client_finished_);
}

bool Exchange::request_gap(std::uint64_t lost, MonotonicTime at) {
  last_ = at;
  if (sending_ != nullptr) sending_->request_gap();
  request_head_.clear();
  const bool goes_on = !request_body_.done() && request_body_.skip(lost);
  if (!goes_on) request_body_ = BodyTracker();
  if (request_body_.done() && sending_ != nullptr) {
    sending_->request_complete();
    sending_ = nullptr;
  }
  return goes_on;
}

bool Exchange::answer_gap(std::uint64_t lost, MonotonicTime at) {
  last_ = at;
  response_head_.clear();
  if (pending_.empty()) return false;
  Observation* observation = pending_.front().observation.get();
  if (observation != nullptr) observation->answer_gap();
  if (response_body_.done()) return false;
  if (response_body_.skip(lost)) {
    if (response_body_.done()) answer_complete(at);
    return true;
  }
  // It ended within the gap.
  const Pending answered = std::move(pending_.front());
  pending_.pop_front();
  response_body_ = BodyTracker();
  if (sending_ == observation) sending_ = nullptr;
  if (observation != nullptr) observation->end(Outcome::incomplete, at);
  return false;
}

void Exchange::answers_lost(MonotonicTime at) {
  for (Pending& pending : pending_) {
    if (pending.observation) pending.observation->note_error("gap");
  }
  abandon(at);
}

bool Exchange::mid_stream() const {
  return pending_.size() == 1 && response_body_.in_chunks() && pending_.front().observation &&
         pending_.front().observation->streaming_content();
}

void Exchange::client_finished(MonotonicTime at) {
  last_ = at;
  client_finished_ = true;
}

void Exchange::client_closed(MonotonicTime at) { end_all(Outcome::client_aborted, at, kClientClosedRequest); }

void Exchange::upstream_closed(MonotonicTime at) {
  if (response_body_.ends_with_connection() && !pending_.empty()) answer_complete(at);
  if (client_finished_) {
    client_closed(at);
  } else {
    end_all(Outcome::upstream_aborted, at, std::nullopt);
  }
}

void Exchange::abandon(MonotonicTime at) { end_all(Outcome::incomplete, at, std::nullopt); }

void Exchange::end_all(Outcome outcome, MonotonicTime at, std::optional<int> status_code) {
  sending_ = nullptr;
  response_body_ = BodyTracker();
  response_head_.clear();
  std::deque<Pending> open;
  open.swap(pending_);
  for (Pending& pending : open) {
    if (pending.observation) pending.observation->end(outcome, at, status_code);
  }
}

void Exchange::lose(MonotonicTime at) {
  lost_ = true;
  for (Pending& pending : pending_) {
    if (pending.observation) pending.observation->note_error("http");
  }
  abandon(at);
}

}  // namespace tegrascope
