#include "collectors/ollama/relay_session.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <utility>

#include "collectors/ollama/error_answer.hpp"
#include "collectors/ollama/sockets.hpp"

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

RelaySession::RelaySession(TcpSocket client, RelayHub& hub)
    : hub_(hub),
      client_(std::move(client)),
      upstream_(client_.get_executor()),
      linger_(client_.get_executor()),
      answered_(client_.get_executor()),
      gate_(hub.rules, hub.rules.hosts.check ? local_address(client_) : std::string()),
      exchange_(std::make_unique<Exchange>(hub.exchange)),
      head_deadline_(client_.get_executor()),
      idle_since_(monotonic_now()) {
  hub_.sessions.insert(this);
  hub_.connections.store(hub_.sessions.size(), std::memory_order_relaxed);
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
  asio::co_spawn(client_.get_executor(), std::move(task),
                 [self = shared_from_this()](std::exception_ptr failure) {
                   if (failure) self->abort();
                 });
}

Task RelaySession::pump_requests(std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_) {
    const std::size_t count =
        co_await client_.async_read_some(asio::buffer(request_buffer_), asio::redirect_error(kAwait, ec));
    if (closed_) co_return;
    if (ec) {
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
      const std::size_t sent = send_now(upstream_, outgoing, ec);
      observe([&](Exchange& exchange) { exchange.feed_request(passed, at); });
      if (!ec && sent < outgoing.size()) {
        co_await asio::async_write(upstream_, asio::buffer(outgoing.data() + sent, outgoing.size() - sent),
                                   asio::redirect_error(kAwait, ec));
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
  head_deadline_.expires_after(hub_.head_timeout);
  head_deadline_.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto session = weak.lock();
    if (!ec && session && !session->closed_ && session->watching_head_) session->head_too_slow();
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
    open_socket(upstream_, endpoint, ec);
    if (ec) continue;
    linger_.expires_after(kConnectTimeout);
    linger_.async_wait([weak = weak_from_this()](const error_code& wait_ec) {
      const auto session = weak.lock();
      if (!wait_ec && session && session->connecting_) close_socket(session->upstream_);
    });
    co_await upstream_.async_connect(endpoint, asio::redirect_error(kAwait, ec));
    linger_.cancel();
    if (closed_) co_return;
    if (!ec && upstream_.is_open()) break;
    close_socket(upstream_);
  }
  connecting_ = false;
  if (upstream_.is_open()) spawn(pump_answers(self));
}

Task RelaySession::pump_answers([[maybe_unused]] std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_) {
    const std::size_t count =
        co_await upstream_.async_read_some(asio::buffer(answer_buffer_), asio::redirect_error(kAwait, ec));
    if (closed_ || upstream_done_) co_return;
    if (ec) {
      upstream_ended(ec);
      co_return;
    }
    const MonotonicTime at = monotonic_now();
    const std::string_view bytes(answer_buffer_.data(), count);
    const std::size_t sent = send_now(client_, bytes, ec);
    if (!ec && sent < count) {
      co_await asio::async_write(client_, asio::buffer(bytes.data() + sent, count - sent),
                                 asio::redirect_error(kAwait, ec));
    }
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

void RelaySession::after_answer_bytes() {
  if (counted_in_flight_ > 0) return;
  idle_since_ = monotonic_now();
  if (waits_for_answers_) answered_.cancel();
  if (!idle()) return;
  if (hub_.draining) return close();
  if (client_eof_) close_later(kLingerTime);
}

void RelaySession::client_ended(const error_code& ec) {
  if (ec != asio::error::eof) return client_gone();
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
  if (ec != asio::error::eof) {
    reset_socket(client_);
    return close();
  }
  close_socket(upstream_);
  if (client_eof_) return close();
  finish_sending(client_);
  if (waits_for_answers_) answered_.cancel();
  close_later(kLingerTime);
}

Task RelaySession::refuse(std::shared_ptr<RelaySession> self, RequestGate::Decision decision) {
  hub_.refused[static_cast<std::size_t>(decision.reason)].fetch_add(1, std::memory_order_relaxed);
  const bool inside_message = decision.inside_message;
  upstream_takes_ = false;
  if (!inside_message) {
    waits_for_answers_ = true;  // those of earlier requests on this connection come first
    while (!closed_ && !upstream_done_ && counted_in_flight_ > 0) {
      error_code ignored;
      answered_.expires_at(Timer::time_point::max());
      co_await answered_.async_wait(asio::redirect_error(kAwait, ignored));
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
  send_now(client_, answer, ignored);
  if (counted_in_flight_ > 0) {
    observe([&](Exchange& exchange) { exchange.feed_response(answer, monotonic_now()); });
  }
  finish_sending(client_);
  close_later(kLingerTime);
}

// Reads on, so that the client gets our answer and not an RST, until it closes or the linger time is over.
Task RelaySession::discard_requests(std::shared_ptr<RelaySession> self) {
  error_code ec;
  while (!closed_ && !ec) {
    co_await client_.async_read_some(asio::buffer(request_buffer_), asio::redirect_error(kAwait, ec));
  }
  self->close();
}

void RelaySession::close_later(std::chrono::milliseconds wait) {
  linger_.expires_after(wait);
  linger_.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto session = weak.lock();
    if (!ec && session) session->close();
  });
}

bool RelaySession::idle() const {
  return exchange_ && !exchange_->lost() && counted_in_flight_ == 0 && !connecting_;
}

void RelaySession::drain() {
  if (!idle() || upstream_done_) return;
  error_code ec;
  const bool request_begun = watching_head_ || client_.available(ec) > 0;
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
  close_socket(client_);
  close_socket(upstream_);
  linger_.cancel();
  answered_.cancel();
  head_deadline_.cancel();
}

void RelaySession::observe_answer(std::string_view bytes, MonotonicTime at) {
  if (answers_may_wait_ && backlog_.take(bytes, at)) return;
  observe([&](Exchange& exchange) { exchange.feed_response(bytes, at); });
  answers_may_wait_ = exchange_ && exchange_->mid_stream();
  if (!answers_may_wait_) backlog_.rest();
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
