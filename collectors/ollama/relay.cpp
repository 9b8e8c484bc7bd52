#include "collectors/ollama/relay.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "collectors/ollama/final_worker.hpp"
#include "collectors/ollama/relay_session.hpp"
#include "collectors/ollama/sockets.hpp"

namespace tegrascope {
namespace {

// When the process has no descriptor left: how long until it is tried again.
constexpr std::chrono::milliseconds kAcceptPause{50};

}  // namespace

class Relay::Impl {
 public:
  Impl(RelayOptions options, RequestIds& ids, RequestSink sink)
      : options_(std::move(options)),
        hub_(ExchangeContext{Witness::relay, options_.server_name, ids, std::move(sink), {}}),
        worker_([this](RequestEnded&& ended) {
          asio::post(io_,
                     [this, ended = std::move(ended)]() mutable { hub_.exchange.sink(std::move(ended)); });
        }),
        drain_timer_(io_.get_executor()) {
    hub_.upstream_name = fmt::format("{}:{}", options_.upstream_host, options_.upstream_port);
    hub_.allowed_hosts = options_.allowed_hosts;
    hub_.exchange.parse_elsewhere = [this](RequestEnded&& ended, std::string&& final_json) {
      if (worker_.push(ended, final_json)) return;
      ended.observation_error = "busy";
      hub_.exchange.sink(std::move(ended));
    };
    if (options_.announce_to != nullptr) {
      hub_.exchange.leave_out = [this](std::string_view head, MonotonicTime at) {
        options_.announce_to->announce(options_.server_name, head, at);
        return false;
      };
    }
    hub_.on_session_end = [this] {
      if (hub_.draining && hub_.sessions.empty()) drain_timer_.cancel();
    };
  }

  void start() {
    std::string host = options_.upstream_host;
    if (host.find(':') != std::string::npos && host.front() != '[') host = "[" + host + "]";
    hub_.upstream = resolve_address(fmt::format("{}:{}", host, options_.upstream_port));
    std::vector<TcpAcceptor> opened;
    for (const std::string& address : options_.listen_addresses) {
      opened.push_back(open_listener(io_, resolve_address(address).front()));
      ports_.push_back(opened.back().local_endpoint().port());
    }
    acceptors_ = std::move(opened);
    for (TcpAcceptor& acceptor : acceptors_)
      asio::co_spawn(io_.get_executor(), accept(acceptor), asio::detached);
    thread_ = std::thread([this] { run(); });
  }

  void stop_accepting() {
    asio::post(io_, [this] { close_listeners(); });
  }

  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { drain(); });
    thread_.join();
  }

  const RelayHub& hub() const { return hub_; }
  const std::vector<std::uint16_t>& ports() const { return ports_; }

 private:
  // The relay thread.
  void run() {
    run_until_idle();
    worker_.finish();
    io_.restart();  // for the ends that the worker has just posted
    run_until_idle();
  }

  void run_until_idle() {
    while (true) {
      try {
        io_.run();
        return;
      } catch (...) {  // a handler failed: its connection is lost, the others go on
        hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }

  Task accept(TcpAcceptor& acceptor) {
    Timer pause(io_.get_executor());
    while (acceptor.is_open()) {
      error_code ec;
      co_await acceptor.async_wait(TcpAcceptor::wait_read, asio::redirect_error(kAwait, ec));
      while (!ec && acceptor.is_open()) {
        TcpSocket socket = accept_waiting(acceptor, io_.get_executor(), ec);
        if (!ec) begin(std::move(socket));
      }
      if (ec == asio::error::would_block || ec == asio::error::connection_aborted || !acceptor.is_open())
        continue;
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(kAwait, ec));
    }
  }

  void begin(TcpSocket socket) {
    try {
      std::make_shared<RelaySession>(std::move(socket), hub_)->start();
    } catch (const std::exception&) {  // out of memory: this connection is closed, the listener lives on
      hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void close_listeners() {
    error_code ignored;
    for (TcpAcceptor& acceptor : acceptors_) acceptor.close(ignored);
  }

  void drain() {
    close_listeners();
    hub_.draining = true;
    for (const auto& session : live_sessions()) session->drain();
    if (hub_.sessions.empty()) return;
    drain_timer_.expires_after(options_.drain_time);
    drain_timer_.async_wait([this](const error_code& ec) {
      if (ec) return;
      for (const auto& session : live_sessions()) session->abort();
    });
  }

  // Kept alive while they are told something: what they are told may end them.
  std::vector<std::shared_ptr<RelaySession>> live_sessions() {
    std::vector<std::shared_ptr<RelaySession>> out;
    for (RelaySession* session : hub_.sessions) {
      if (auto live = session->weak_from_this().lock()) out.push_back(std::move(live));
    }
    return out;
  }

  RelayOptions options_;
  RelayHub hub_;
  asio::io_context io_{1};
  FinalWorker worker_;
  Timer drain_timer_;
  std::vector<TcpAcceptor> acceptors_;
  std::vector<std::uint16_t> ports_;
  std::thread thread_;
  std::mutex stop_mutex_;
};

Relay::Relay(RelayOptions options, RequestIds& ids, RequestSink sink)
    : impl_(std::make_unique<Impl>(std::move(options), ids, std::move(sink))) {}

Relay::~Relay() { stop(); }

void Relay::start() { impl_->start(); }
std::vector<std::uint16_t> Relay::ports() const { return impl_->ports(); }
void Relay::stop_accepting() { impl_->stop_accepting(); }
void Relay::stop() { impl_->stop(); }
std::size_t Relay::in_flight() const { return impl_->hub().in_flight.load(std::memory_order_relaxed); }
std::size_t Relay::connections() const { return impl_->hub().connections.load(std::memory_order_relaxed); }
std::uint64_t Relay::bytes_in() const { return impl_->hub().bytes_in.load(std::memory_order_relaxed); }
std::uint64_t Relay::bytes_out() const { return impl_->hub().bytes_out.load(std::memory_order_relaxed); }
std::uint64_t Relay::refused_requests() const {
  return impl_->hub().refused_requests.load(std::memory_order_relaxed);
}
std::uint64_t Relay::observation_failures() const {
  return impl_->hub().observation_failures.load(std::memory_order_relaxed);
}

}  // namespace tegrascope
