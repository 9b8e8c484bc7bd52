#include "collectors/ollama/relay.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "collectors/ollama/final_worker.hpp"
#include "collectors/ollama/relay_session.hpp"

namespace tegrascope {
namespace {

// When the process has no descriptor left: how long until it is tried again.
constexpr std::chrono::milliseconds kAcceptPause{50};
// Sessions that give way are destroyed between these, so a flood does not pile them up.
constexpr std::size_t kAcceptAtOnce = 64;
// Connections over the limit that are told so; further ones are closed without a word.
constexpr std::size_t kMostRefusing = 16;

}  // namespace

class Relay::Impl {
 public:
  Impl(RelayOptions options, RequestIds& ids, RequestSink sink)
      : options_(std::move(options)),
        hub_(ExchangeContext{Witness::relay, options_.server_name, ids, std::move(sink), {}}),
        worker_([this](RequestEnded&& ended) {
          loop_.post([this, ended = std::make_shared<RequestEnded>(std::move(ended))] {
            hub_.exchange.sink(std::move(*ended));
          });
        }),
        drain_timer_(loop_) {
    hub_.upstream_name = fmt::format("{}:{}", options_.upstream_host, options_.upstream_port);
    hub_.exchange.kind = options_.rules.kind;
    hub_.rules = options_.rules;
    hub_.head_timeout = options_.head_timeout;
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
    std::deque<Socket> opened;
    for (const int descriptor : options_.sockets) {
      adopt_listener(descriptor);
      opened.emplace_back(loop_, descriptor);
    }
    if (opened.empty()) {
      for (const std::string& address : options_.listen_addresses)
        opened.emplace_back(loop_, open_listener(resolve_address(address).front()));
    }
    for (const Socket& listener : opened) ports_.push_back(local_port(listener.descriptor()));
    listeners_ = std::move(opened);
    thread_ = std::thread([this] { run(); });
  }

  void stop_accepting() {
    loop_.post([this] { close_listeners(); });
  }

  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    loop_.post([this] { drain(); });
    thread_.join();
  }

  void hurry() {
    loop_.post([this] {
      if (hub_.draining) abort_all();
    });
  }

  RelayCounts counts() const {
    const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    RelayCounts out;
    out.connections = read(hub_.connections);
    out.in_flight = read(hub_.in_flight);
    out.bytes_in = read(hub_.bytes_in);
    out.bytes_out = read(hub_.bytes_out);
    for (std::size_t i = 0; i < kRefusalReasons; ++i) out.refused[i] = read(hub_.refused[i]);
    out.connections_refused = read(connections_refused_);
    out.connections_evicted = read(connections_evicted_);
    out.observation_failures = read(hub_.observation_failures);
    return out;
  }
  const std::vector<std::uint16_t>& ports() const { return ports_; }

 private:
  // The relay thread.
  void run() {
    ::pthread_setname_np(::pthread_self(), "relay");
    for (Socket& listener : listeners_) {
      loop_.spawn(accept(listener), [this](std::exception_ptr failure) {
        if (failure) hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
      });
    }
    run_until_idle();
    worker_.finish();
    run_until_idle();  // the ends that the worker has just posted
  }

  void run_until_idle() {
    while (true) {
      try {
        loop_.run();
        return;
      } catch (...) {  // a handler failed: its connection is lost, the others go on
        hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }

  Task accept(Socket& listener) {
    Timer pause(loop_);
    Wakeup paused(loop_);
    while (listener.is_open()) {
      co_await listener.readable();
      if (!listener.is_open()) co_return;
      const error_code ec = accept_some(listener, kAcceptAtOnce);
      if (!ec || would_block(ec) || ec == boost::asio::error::connection_aborted || !listener.is_open())
        continue;
      pause.start(kAcceptPause, [&paused] { paused.wake(); });
      co_await paused;
    }
  }

  // Takes at most so many of those that wait; returns why it ended, would_block when nobody waits any more.
  error_code accept_some(Socket& listener, std::size_t most) {
    error_code ec;
    for (std::size_t i = 0; i < most && !ec && listener.is_open(); ++i) {
      const int client = accept_waiting(listener, ec);
      if (!ec) begin(client);
    }
    return ec;
  }

  void begin(int client) {
    std::shared_ptr<RelaySession> session;
    try {
      const bool full = hub_.sessions.size() >= options_.max_connections && !evict_idle();
      if (full) connections_refused_.fetch_add(1, std::memory_order_relaxed);
      if (full && hub_.sessions.size() >= options_.max_connections + kMostRefusing) {
        ::close(client);
        return;
      }
      session = std::make_shared<RelaySession>(loop_, client, hub_);
      full ? session->start_refusing() : session->start();
    } catch (const std::exception&) {  // out of memory: this connection is closed, the listener lives on
      if (!session) ::close(client);
      hub_.observation_failures.fetch_add(1, std::memory_order_relaxed);
    }
  }

  // Closes the connection that has been without an exchange for longest; false when every one has one.
  bool evict_idle() {
    std::shared_ptr<RelaySession> longest;
    for (RelaySession* session : hub_.sessions) {
      if (!session->evictable()) continue;
      if (!longest || session->idle_since() < longest->idle_since())
        longest = session->weak_from_this().lock();
    }
    if (!longest) return false;
    connections_evicted_.fetch_add(1, std::memory_order_relaxed);
    longest->evict();
    return true;
  }

  void close_listeners() {
    for (Socket& listener : listeners_) listener.close();
  }

  void drain() {
    // Closing a listener resets who waits in it, unless another process holds it as well.
    if (options_.sockets.empty()) {
      for (Socket& listener : listeners_) accept_some(listener, SOMAXCONN);
    }
    close_listeners();
    hub_.draining = true;
    for (const auto& session : live_sessions()) session->drain();
    if (hub_.sessions.empty()) return;
    drain_timer_.start(options_.drain_time, [this] { abort_all(); });
  }

  void abort_all() {
    for (const auto& session : live_sessions()) session->abort();
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
  EventLoop loop_;
  FinalWorker worker_;
  Timer drain_timer_;
  std::deque<Socket> listeners_;
  std::vector<std::uint16_t> ports_;
  std::thread thread_;
  std::mutex stop_mutex_;
  std::atomic<std::uint64_t> connections_refused_{0};
  std::atomic<std::uint64_t> connections_evicted_{0};
};

Relay::Relay(RelayOptions options, RequestIds& ids, RequestSink sink)
    : impl_(std::make_unique<Impl>(std::move(options), ids, std::move(sink))) {}

Relay::~Relay() { stop(); }

void Relay::start() { impl_->start(); }
std::vector<std::uint16_t> Relay::ports() const { return impl_->ports(); }
void Relay::stop_accepting() { impl_->stop_accepting(); }
void Relay::stop() { impl_->stop(); }
void Relay::hurry() { impl_->hurry(); }
RelayCounts Relay::counts() const { return impl_->counts(); }

}  // namespace tegrascope
