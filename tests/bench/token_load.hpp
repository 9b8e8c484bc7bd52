// Token streams at a fixed rate and the clients that read them, to measure what a relay between the two costs. Each
// token carries the time it was sent, by the clock that all processes of this machine share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace tegrascope::test {

struct TokenLoad {
  int streams = 1;
  int tokens = 50;  // of an answer
  std::chrono::microseconds interval{20000};
  bool lockstep = false;  // all streams on one grid, as batched decoding gives
};

// A stand-in for Ollama on a thread of its own.
class TokenServer {
 public:
  TokenServer();
  ~TokenServer();
  TokenServer(const TokenServer&) = delete;
  TokenServer& operator=(const TokenServer&) = delete;

  std::string port() const { return port_; }
  // Holds for answers that begin from now on.
  void set(const TokenLoad& load);
  std::uint64_t tokens_sent() const { return sent_; }

 private:
  struct Connection;
  void run();
  void serve(Connection& connection);
  void send_token(Connection& connection);

  std::atomic<int> tokens_{50};
  std::atomic<std::int64_t> interval_ns_{20000000};
  std::atomic<bool> lockstep_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> stopping_{false};
  int listener_ = -1;
  std::string port_;
  std::thread thread_;
};

struct TokenTimes {
  std::vector<double> latency_us;  // of each token, ascending
  std::uint64_t bad = 0;           // answers that broke off, connections that failed
  double percentile(double p) const;
};

// Keeps `load.streams` connections to 127.0.0.1:`port` busy for so long. What comes in `warm_up` is left out.
TokenTimes read_tokens(const std::string& port, const TokenLoad& load, std::chrono::milliseconds warm_up,
                       std::chrono::milliseconds time);

}  // namespace tegrascope::test
