// One request, one record, where two witnesses read the same bytes: the stronger one announces each request
// it reports, the weaker one leaves out as many as were announced.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>

#include "agent/model/time.hpp"

namespace tegrascope {

// Requests are told apart by server and head, the Host field left out (a relay may rewrite it). Where two have
// the same head it does not matter which of them is left out: they are matched one to one. That works also
// where ports tell nothing, as behind docker-proxy. Keeps a 64-bit hash of a head for kMemory, nothing else.
// Any thread.
class SeenRequests {
 public:
  static constexpr std::chrono::seconds kMemory{3};
  static constexpr std::size_t kMaxWaiting = 4096;

  void announce(std::string_view server, std::string_view head, MonotonicTime now);
  // True, once for each announcement: leave this request out.
  bool claim(std::string_view server, std::string_view head, MonotonicTime now);

 private:
  struct Announced {
    std::uint64_t hash;
    MonotonicTime at;
  };
  void forget_old(MonotonicTime now);

  std::mutex mutex_;
  std::deque<Announced> waiting_;  // oldest first
};

}  // namespace tegrascope
