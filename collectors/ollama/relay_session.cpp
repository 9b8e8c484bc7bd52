#include "collectors/ollama/relay_session.hpp"

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <exception>
#include <utility>

#include "collectors/ollama/error_answer.hpp"

namespace tegrascope {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
// How long a connection is kept whose one side has closed and that owes no answer.
constexpr std::chrono::seconds kLingerTime{10};
// How long a connection over the limit is read, so that the client gets the answer and not an RST.
constexpr std::chrono::seconds kRefusingTime{1};
// How long a client that has just connected has for its request when the relay stops.
constexpr std::chrono::seconds kFirstRequestTime{1};

std::string_view server_word(UpstreamKind kind) {
  return kind == UpstreamKind::ollama ? "Ollama" : "the server";
}

}  // namespace

RelaySession::RelaySession(EventLoop& loop, int client, RelayHub& hub)
    : hub_(hub),
      loop_(loop),
      client_(loop),
      upstream_(loop),
      linger_(loop),
      answered_(loop),
      gate_(hub.rules, hub.rules.hosts.check ? local_address(client) : std::string()),
      exchange_(std::make_unique<Exchange>(hub.exchange)),
      head_deadline_(loop),
      idle_since_(monotonic_now()) {
  hub_.sessions.insert(this);
  hub_.connections.store(hub_.sessions.size(), std::memory_order_relaxed);
  client_.open(client);
}

RelaySession::~RelaySession() {
  observe([](Exchange& exchange) { exchange.abandon(monotonic_now()); });
  leave_hub();
  hub_.on_session_end();
}

void RelaySession::leave_hub() {
  hub_.sessions.erase(this);
  hub_.connections.store(hub_.sessions.size(), std::memory_order_relaxed);
}

void RelaySession::start() { spawn(pump_requests(shared_from_this())); }

void RelaySession::start_refusing() {
  refusing_ = true;
  answer_ourselves(
      503, "the tegrascope relay has too many connections; try again, or raise --relay.max-connections");
  close_later(kRefusingTime);
  spawn(discard_requests(shared_from_this()));
}

void RelaySession::spawn(Task task) {
  loop_.spawn(std::move(task), [self = shared_from_this()](std::exception_ptr failure) {
    if (failure) self->abort();
  });
}

Task RelaySession::pump_requests(std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_) {
    co_await client_.readable();
    if (closed_) co_return;
    const std::size_t count = client_.receive(request_buffer_, ec);
    if (ec) {
      if (would_block(ec)) continue;
      client_ended(ec);
      co_return;
    }
    hub_.bytes_in.fetch_add(count, std::memory_order_relaxed);
    if (!upstream_takes_) continue;
    std::string_view bytes(request_buffer_.data(), count);
    if (!held_.empty()) {
      held_.append(bytes);
      bytes = held_;
    }
    RequestGate::Decision decision = gate_.examine(bytes);
    if (decision.pass > 0) {
      had_request_ = true;
      if (hub_.draining) linger_.cancel();  // it came in time
      if (!upstream_.is_open()) {
        co_await connect_upstream(self);
        if (closed_) co_return;
      }
      const std::string_view passed = bytes.substr(0, decision.pass);
      const std::string_view outgoing = decision.rewritten ? std::string_view(*decision.rewritten) : passed;
      const MonotonicTime at = monotonic_now();
      if (!upstream_.is_open()) {
        observe([&](Exchange& exchange) { exchange.feed_request(passed, at); });
        answer_ourselves(502, fmt::format("the tegrascope relay cannot reach {} at {}; is it running?",
                                          server_word(hub_.rules.kind), hub_.upstream_name));
        co_await discard_requests(self);
        co_return;
      }
      const std::size_t sent = upstream_.send(outgoing, ec);
      observe([&](Exchange& exchange) { exchange.feed_request(passed, at); });
      if (!ec && sent < outgoing.size()) {
        co_await send_rest(upstream_, outgoing.substr(sent), ec);
        if (closed_) co_return;
      }
      if (ec) upstream_takes_ = false;  // pump_answers() reads the last answer and learns how it ended
    }
    if (decision.refusal) {
      co_await refuse(self, std::move(decision));
      co_return;
    }
    keep_rest(bytes, decision.pass);
  }
}

// Holds what is there of the next head until the rest comes, and looks at the clock meanwhile.
void RelaySession::keep_rest(std::string_view bytes, std::size_t passed) {
  if (passed == bytes.size()) {
    held_ = std::string();
  } else if (held_.empty()) {
    held_.assign(bytes.substr(passed));
  } else {
    held_.erase(0, passed);
  }
  if (held_.empty() && watching_head_) head_deadline_.cancel();
  const bool same_head = watching_head_ && passed == 0;
  watching_head_ = !held_.empty();
  if (watching_head_ && !same_head) watch_head();
}

void RelaySession::watch_head() {
  head_deadline_.start(hub_.head_timeout, [weak = weak_from_this()] {
    const auto session = weak.lock();
    if (session && !session->closed_ && session->watching_head_) session->head_too_slow();
  });
}

void RelaySession::head_too_slow() {
  if (counted_in_flight_ > 0) return watch_head();  // an exchange that lives is not cut
  hub_.refused[static_cast<std::size_t>(RefusalReason::slow_head)].fetch_add(1, std::memory_order_relaxed);
  watching_head_ = false;
  held_ = std::string();
  answer_ourselves(408, "the request head did not come in time");
}

Task RelaySession::connect_upstream(std::shared_ptr<RelaySession> self) {
  connecting_ = true;
  for (const TcpEndpoint& endpoint : hub_.upstream) {
    error_code ec;
    begin_connect(upstream_, endpoint, ec);
    if (!ec) {
      linger_.start(kConnectTimeout, [weak = weak_from_this()] {
        const auto session = weak.lock();
        if (session && session->connecting_) session->upstream_.close();
      });
      co_await upstream_.writable();
      linger_.cancel();
      if (closed_) co_return;
      if (upstream_.is_open() && !connect_result(upstream_)) break;
    }
    upstream_.close();
  }
  connecting_ = false;
  if (upstream_.is_open()) spawn(pump_answers(self));
}

[[gnu::hot]] Task RelaySession::pump_answers([[maybe_unused]] std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_) {
    co_await upstream_.readable();
    if (closed_ || upstream_done_) co_return;
    const std::span<char> room = backlog_.room();
    const std::size_t count = upstream_.receive(room, ec);
    if (ec) {
      if (would_block(ec)) continue;
      upstream_ended(ec);
      co_return;
    }
    const MonotonicTime at = loop_.woken_at();
    const std::string_view bytes(room.data(), count);
    const std::size_t sent = client_.send(bytes, ec);
    if (!ec && sent < count) co_await send_rest(client_, bytes.substr(sent), ec);
    if (closed_) co_return;
    if (ec) {
      client_gone();
      co_return;
    }
    hub_.bytes_out.fetch_add(count, std::memory_order_relaxed);
    observe_answer(bytes, at);
    after_answer_bytes();
  }
}

Task RelaySession::send_rest(Socket& socket, std::string_view bytes, error_code& ec) {
  while (!ec && !bytes.empty()) {
    co_await socket.writable();
    if (!socket.is_open()) {
      ec = boost::asio::error::operation_aborted;
    } else {
      bytes.remove_prefix(socket.send(bytes, ec));
    }
  }
}

void RelaySession::after_answer_bytes() {
  if (counted_in_flight_ > 0) return;
  idle_since_ = monotonic_now();
  if (waits_for_answers_) answered_.wake();
  if (!idle()) return;
  if (hub_.draining) return close();
  if (client_eof_) close_later(kLingerTime);
}

void RelaySession::client_ended(const error_code& ec) {
  if (ec != boost::asio::error::eof) return client_gone();
  client_eof_ = true;
  observe([](Exchange& exchange) { exchange.client_finished(monotonic_now()); });
  if (!upstream_.is_open() || upstream_done_) return close();
  finish_sending(upstream_);
  if (idle()) close_later(kLingerTime);
}

void RelaySession::client_gone() {
  observe([](Exchange& exchange) { exchange.client_closed(monotonic_now()); });
  reset_socket(upstream_);
  close();
}

void RelaySession::upstream_ended(const error_code& ec) {
  upstream_done_ = true;
  upstream_takes_ = false;
  observe([](Exchange& exchange) { exchange.upstream_closed(monotonic_now()); });
  if (ec != boost::asio::error::eof) {
    reset_socket(client_);
    return close();
  }
  upstream_.close();
  if (client_eof_) return close();
  finish_sending(client_);
  if (waits_for_answers_) answered_.wake();
  close_later(kLingerTime);
}

Task RelaySession::refuse(std::shared_ptr<RelaySession> self, RequestGate::Decision decision) {
  hub_.refused[static_cast<std::size_t>(decision.reason)].fetch_add(1, std::memory_order_relaxed);
  const bool inside_message = decision.inside_message;
  upstream_takes_ = false;
  if (!inside_message) {
    waits_for_answers_ = true;  // those of earlier requests on this connection come first
    while (!closed_ && !upstream_done_ && counted_in_flight_ > 0) {
      co_await answered_;
    }
    waits_for_answers_ = false;
    if (closed_) co_return;
  }
  const bool answerable = exchange_ && !exchange_->lost() && !exchange_->answer_begun();
  if (!answerable || counted_in_flight_ > (inside_message ? 1U : 0U)) {
    abort();
    co_return;
  }
  if (!upstream_done_) answer_ourselves(decision.refusal->status, decision.refusal->message);
  co_await discard_requests(self);
}

// The last bytes the client gets on this connection.
void RelaySession::answer_ourselves(int status, std::string_view message) {
  upstream_takes_ = false;
  upstream_done_ = true;
  reset_socket(upstream_);
  const std::string answer =
      make_error_answer(status, message, gate_.last_method(), gate_.last_target(), hub_.rules.kind);
  error_code ignored;
  client_.send(answer, ignored);
  if (counted_in_flight_ > 0) {
    observe([&](Exchange& exchange) { exchange.feed_response(answer, monotonic_now()); });
  }
  finish_sending(client_);
  close_later(kLingerTime);
}

// Reads on, so that the client gets our answer and not an RST, until it closes or the linger time is over.
Task RelaySession::discard_requests(std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_ && (!ec || would_block(ec))) {
    co_await client_.readable();
    if (!closed_) client_.receive(request_buffer_, ec);
  }
  self->close();
}

void RelaySession::close_later(std::chrono::milliseconds wait) {
  linger_.start(wait, [weak = weak_from_this()] {
    if (const auto session = weak.lock()) session->close();
  });
}

bool RelaySession::idle() const {
  return exchange_ && !exchange_->lost() && counted_in_flight_ == 0 && !connecting_;
}

void RelaySession::drain() {
  if (!idle() || upstream_done_) return;
  const bool request_begun = watching_head_ || has_waiting(client_);
  if (had_request_ && !request_begun) return close();
  close_later(kFirstRequestTime);
}

bool RelaySession::evictable() const { return !closed_ && !refusing_ && idle(); }

void RelaySession::evict() { close(); }

void RelaySession::abort() {
  if (closed_) return;
  observe([](Exchange& exchange) { exchange.abandon(monotonic_now()); });
  reset_socket(client_);
  reset_socket(upstream_);
  close();
}

void RelaySession::close() {
  if (closed_) return;
  closed_ = true;
  leave_hub();
  observe([](Exchange& exchange) { exchange.abandon(monotonic_now()); });
  client_.close();
  upstream_.close();
  linger_.cancel();
  answered_.wake();
  head_deadline_.cancel();
}

[[gnu::hot]] void RelaySession::observe_answer(std::string_view bytes, MonotonicTime at) {
  if (answers_may_wait_ && backlog_.keep(bytes, at)) return;
  observe([&](Exchange& exchange) { exchange.feed_response(bytes, at); });
  answers_may_wait_ = exchange_ && exchange_->mid_stream();
}

// Nothing that goes wrong in observing may cost a byte.
template <typename Function>
void RelaySession::observe(Function&& function) {
  if (!exchange_) return;
  try {
    backlog_.release(
        [this](std::string_view bytes, MonotonicTime at) { exchange_->feed_response(bytes, at); });
    function(*exchange_);
  } catch (...) {
    hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
    exchange_.reset();
    answers_may_wait_ = false;
  }
  update_in_flight();
}

void RelaySession::update_in_flight() {
  const std::size_t now = exchange_ ? exchange_->in_flight() : 0;
  if (now == counted_in_flight_) return;
  hub_.in_flight.fetch_add(now - counted_in_flight_, std::memory_order_relaxed);
  counted_in_flight_ = now;
}

}  // namespace tegrascope
