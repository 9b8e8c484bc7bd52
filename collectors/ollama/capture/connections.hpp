// The TCP connections of the watched servers, each with its decoder. Packets go in, request events come out.
// Pure, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/ollama/capture/conversation.hpp"
#include "collectors/ollama/capture/packet.hpp"
#include "collectors/ollama/capture/targets.hpp"
#include "collectors/ollama/capture/tcp_stream.hpp"
#include "collectors/ollama/seen_requests.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

// What Connections needs of the world.
struct ConnectionsOptions {
  RequestIds& ids;
  RequestSink sink;
  SeenRequests* seen = nullptr;  // requests announced there are left out
  // This namespace's addresses but loopback. Asked when a packet names one that is not known, at most once a
  // second.
  std::function<std::set<IpAddress>()> local_addresses;
};

struct ConnectionTotals {
  std::uint64_t segments = 0;  // with payload, SYN, FIN or RST; copies of one are counted
  std::uint64_t joined = 0;    // connections that were not seen to open
  std::uint64_t evicted =
      0;  // connections given up with a request in flight: too many, or silent for too long
  GapTotals gaps;
};

class Connections {
 public:
  static constexpr std::size_t kMaxConnections = 4096;
  static constexpr std::size_t kMaxHeldBytes = 4 * 1024 * 1024;  // of all, waiting for missing segments
  static constexpr std::chrono::seconds kIdleTime{60};           // forgotten; joined again in the middle
  static constexpr std::chrono::minutes kSilentTime{30};         // the same with a request in flight
  static constexpr std::chrono::seconds kCopiesTime{5};          // copies of a closed one's packets may come

  explicit Connections(ConnectionsOptions options);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void set_targets(std::vector<CaptureTarget> targets);

  // Segments of other servers are ignored. Never throws.
  void add(const TcpSegment& segment, MonotonicTime at);

  // Segments older than `before` wait no longer for missing ones.
  void expire(MonotonicTime before);
  bool waiting() const { return !waiting_.empty(); }
  // Drops what has been silent.
  void forget_idle(MonotonicTime now);
  // The end of watching: open requests are incomplete.
  void abandon(MonotonicTime at);

  std::size_t size() const { return connections_.size(); }
  std::size_t held_bytes() const { return held_bytes_; }
  const ConnectionTotals& totals() const { return totals_; }

 private:
  struct Key {
    TcpEndpointAddress server;
    TcpEndpointAddress client;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Connection {
    Key key;
    TcpStreams streams;
    std::unique_ptr<Conversation> conversation;  // absent once it has closed
    MonotonicTime last{};
  };
  using List = std::list<Connection>;

  const CaptureTarget* target_at(const TcpEndpointAddress& endpoint, MonotonicTime at);
  bool is_local(const IpAddress& address, MonotonicTime at);
  void add_to(const Key& key, const CaptureTarget& target, Direction to, const TcpSegment& segment,
              MonotonicTime at);
  List::iterator open(const Key& key, const CaptureTarget& target, bool from_start, MonotonicTime at);
  void settle(List::iterator connection, std::size_t held_before, MonotonicTime at);
  void evict_one();
  void erase(List::iterator connection, MonotonicTime at);

  ConnectionsOptions options_;
  std::vector<CaptureTarget> targets_;
  std::map<std::string, std::shared_ptr<const ExchangeContext>> contexts_;  // by server
  std::set<IpAddress> local_;
  std::optional<MonotonicTime> local_listed_;
  ConnectionTotals totals_;
  List connections_;  // the longest silent first
  std::unordered_map<Key, List::iterator, KeyHash> by_key_;
  std::set<Connection*> waiting_;  // those that hold segments
  std::size_t held_bytes_ = 0;
};

}  // namespace tegrascope
