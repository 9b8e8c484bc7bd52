// One client connection of the relay and its upstream connection. Everything runs on the relay thread.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "collectors/ollama/answer_backlog.hpp"
#include "collectors/ollama/exchange.hpp"
#include "collectors/ollama/request_gate.hpp"
#include "collectors/ollama/tcp.hpp"

namespace tegrascope {

class RelaySession;

// What the sessions of a relay share. Must outlive them; only the counters are read from other threads.
struct RelayHub {
  explicit RelayHub(ExchangeContext context) : exchange(std::move(context)) {}

  std::string upstream_name;          // for messages
  std::vector<TcpEndpoint> upstream;  // tried in this order
  GateRules rules;
  std::chrono::milliseconds head_timeout{0};
  ExchangeContext exchange;
  bool draining = false;
  std::unordered_set<RelaySession*> sessions;  // those that are not closed
  std::function<void()> on_session_end;        // one has been destroyed

  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  std::array<std::atomic<std::uint64_t>, kRefusalReasons> refused{};
  std::atomic<std::uint64_t> observation_failures{0};
};

class RelaySession : public std::enable_shared_from_this<RelaySession> {
 public:
  RelaySession(EventLoop& loop, int client, RelayHub& hub);  // owns the descriptor `client`, unless it throws
  ~RelaySession();
  RelaySession(const RelaySession&) = delete;
  RelaySession& operator=(const RelaySession&) = delete;

  void start();

  // Instead of start(): says that there are too many connections and closes.
  void start_refusing();

  // Closes it when nothing is in flight, now or after the answer that is. One that never had a request keeps a
  // second for it.
  void drain();

  // Whether nothing would be lost with this connection but the chance of a request, and since when.
  bool evictable() const;
  MonotonicTime idle_since() const { return idle_since_; }
  void evict();

  // Resets both sides; open requests are reported as incomplete.
  void abort();

 private:
  // Each coroutine keeps its session alive through `self`.
  Task pump_requests(std::shared_ptr<RelaySession> self);
  Task pump_answers(std::shared_ptr<RelaySession> self);
  Task connect_upstream(std::shared_ptr<RelaySession> self);
  Task send_rest(Socket& socket, std::string_view bytes, error_code& ec);
  Task refuse(std::shared_ptr<RelaySession> self, RequestGate::Decision decision);
  Task discard_requests(std::shared_ptr<RelaySession> self);

  void spawn(Task task);
  void keep_rest(std::string_view bytes, std::size_t passed);
  void watch_head();
  void head_too_slow();
  void client_ended(const error_code& ec);
  void upstream_ended(const error_code& ec);
  void client_gone();
  void answer_ourselves(int status, std::string_view message);
  void after_answer_bytes();
  void close_later(std::chrono::milliseconds wait);
  void close();
  void leave_hub();
  bool idle() const;

  void observe_answer(std::string_view bytes, MonotonicTime at);
  template <typename Function>
  void observe(Function&& function);
  void update_in_flight();

  RelayHub& hub_;
  EventLoop& loop_;
  Socket client_;
  Socket upstream_;
  Timer linger_;     // closes a connection that has nothing more to say
  Wakeup answered_;  // of a refusal that waits for earlier answers
  RequestGate gate_;
  std::unique_ptr<Exchange> exchange_;  // absent after an internal error: the bytes still pass
  bool answers_may_wait_ = false;       // exchange_ was in the middle of a stream
  std::string held_;                    // bytes of an incomplete request head
  Timer head_deadline_;                 // runs while held_ holds some
  bool watching_head_ = false;
  bool had_request_ = false;
  bool refusing_ = false;
  MonotonicTime idle_since_;  // since when no exchange is open
  std::size_t counted_in_flight_ = 0;
  bool connecting_ = false;
  bool waits_for_answers_ = false;
  bool client_eof_ = false;
  bool upstream_done_ = false;  // it has closed or we have closed it
  bool upstream_takes_ = true;  // false: what the client still sends is dropped
  bool closed_ = false;
  std::array<char, 16 * 1024> request_buffer_;
  AnswerBacklog backlog_;  // with answer bytes that exchange_ has not seen yet
};

}  // namespace tegrascope
