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

}  // namespace

RelaySession::RelaySession(TcpSocket client, RelayHub& hub)
    : hub_(hub),
      client_(std::move(client)),
      upstream_(client_.get_executor()),
      linger_(client_.get_executor()),
      answered_(client_.get_executor()),
      gate_(hub.allowed_hosts),
      exchange_(std::make_unique<Exchange>(hub.exchange)) {
  hub_.sessions.insert(this);
  hub_.connections.store(hub_.sessions.size(), std::memory_order_relaxed);
}

RelaySession::~RelaySession() {
  observe([](Exchange& exchange) { exchange.abandon(monotonic_now()); });
  hub_.sessions.erase(this);
  hub_.connections.store(hub_.sessions.size(), std::memory_order_relaxed);
  hub_.on_session_end();
}

void RelaySession::start() { spawn(pump_requests(shared_from_this())); }

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
      if (!upstream_.is_open()) {
        co_await connect_upstream(self);
        if (closed_) co_return;
      }
      const std::string_view passed = bytes.substr(0, decision.pass);
      const MonotonicTime at = monotonic_now();
      if (!upstream_.is_open()) {
        observe([&](Exchange& exchange) { exchange.feed_request(passed, at); });
        answer_ourselves(502, fmt::format("the tegrascope relay cannot reach Ollama at {}; is it running?",
                                          hub_.upstream_name));
        co_await discard_requests(self);
        co_return;
      }
      const std::size_t sent = send_now(upstream_, passed, ec);
      observe([&](Exchange& exchange) { exchange.feed_request(passed, at); });
      if (!ec && sent < passed.size()) {
        co_await asio::async_write(upstream_, asio::buffer(passed.data() + sent, passed.size() - sent),
                                   asio::redirect_error(kAwait, ec));
        if (closed_) co_return;
      }
      if (ec) upstream_takes_ = false;  // pump_answers() reads the last answer and learns how it ended
    }
    if (decision.refusal) {
      co_await refuse(self, std::move(*decision.refusal), decision.inside_message);
      co_return;
    }
    const std::string_view rest = bytes.substr(decision.pass);
    if (rest.empty()) {
      held_ = std::string();
    } else if (held_.empty()) {
      held_.assign(rest);
    } else {
      held_.erase(0, decision.pass);
    }
  }
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

Task RelaySession::refuse(std::shared_ptr<RelaySession> self, Refusal refusal, bool inside_message) {
  hub_.refused_requests.fetch_add(1, std::memory_order_relaxed);
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
  if (!upstream_done_) answer_ourselves(refusal.status, refusal.message);
  co_await discard_requests(self);
}

// The last bytes the client gets on this connection.
void RelaySession::answer_ourselves(int status, std::string_view message) {
  upstream_takes_ = false;
  upstream_done_ = true;
  reset_socket(upstream_);
  const std::string answer = make_error_answer(status, message, gate_.last_method(), gate_.last_target());
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

void RelaySession::close_later(std::chrono::seconds wait) {
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
  if (idle()) close();
}

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
  observe([](Exchange& exchange) { exchange.abandon(monotonic_now()); });
  close_socket(client_);
  close_socket(upstream_);
  linger_.cancel();
  answered_.cancel();
}

void RelaySession::observe_answer(std::string_view bytes, MonotonicTime at) {
  if (answers_may_wait_ && backlog_.take(bytes, at)) return;
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
