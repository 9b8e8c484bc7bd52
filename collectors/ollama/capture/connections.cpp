#include "collectors/ollama/capture/connections.hpp"

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

namespace tegrascope {
namespace {

constexpr std::chrono::seconds kListInterval{1};
// How many of the longest silent are looked at for one without a request in flight.
constexpr int kEvictionLooks = 64;

std::size_t hash_of(const TcpEndpointAddress& endpoint) {
  const std::string_view bytes(reinterpret_cast<const char*>(endpoint.address.bytes.data()),
                               endpoint.address.bytes.size());
  return std::hash<std::string_view>{}(bytes)*31 + endpoint.port;
}

}  // namespace

std::size_t Connections::KeyHash::operator()(const Key& key) const {
  return hash_of(key.client) * 31 + hash_of(key.server);
}

Connections::Connections(ConnectionsOptions options) : options_(std::move(options)) {}

Connections::~Connections() = default;

void Connections::set_targets(std::vector<CaptureTarget> targets) {
  targets_ = std::move(targets);
  std::map<std::string, std::shared_ptr<const ExchangeContext>> contexts;
  for (const CaptureTarget& target : targets_) {
    const auto known = contexts_.find(target.server);
    if (known != contexts_.end()) {
      contexts.insert(*known);
      continue;
    }
    ExchangeContext context{Witness::capture, target.server, options_.ids, options_.sink, {}};
    if (options_.seen != nullptr) {
      context.leave_out = [seen = options_.seen, server = target.server](std::string_view head,
                                                                         MonotonicTime at) {
        return seen->claim(server, head, at);
      };
    }
    contexts.emplace(target.server, std::make_shared<const ExchangeContext>(std::move(context)));
  }
  contexts_ = std::move(contexts);
  local_listed_.reset();
}

bool Connections::is_local(const IpAddress& address, MonotonicTime at) {
  if (address.is_loopback() || local_.contains(address)) return true;
  if (!options_.local_addresses || (local_listed_ && at < *local_listed_ + kListInterval)) return false;
  local_listed_ = at;
  local_ = options_.local_addresses();
  return local_.contains(address);
}

const CaptureTarget* Connections::target_at(const TcpEndpointAddress& endpoint, MonotonicTime at) {
  for (const CaptureTarget& t : targets_) {
    if (t.port != endpoint.port) continue;
    if (std::find(t.addresses.begin(), t.addresses.end(), endpoint.address) != t.addresses.end()) return &t;
    if (t.any_local && is_local(endpoint.address, at)) return &t;
  }
  return nullptr;
}

void Connections::add(const TcpSegment& segment, MonotonicTime at) {
  try {
    if (const CaptureTarget* target = target_at(segment.destination, at)) {
      add_to({segment.destination, segment.source}, *target, Direction::to_server, segment, at);
    } else if (const CaptureTarget* answering = target_at(segment.source, at)) {
      add_to({segment.source, segment.destination}, *answering, Direction::to_client, segment, at);
    }
  } catch (const std::exception&) {
    // Out of memory: what is open gives way.
    abandon(at);
  }
}

void Connections::add_to(const Key& key, const CaptureTarget& target, Direction to, const TcpSegment& segment,
                         MonotonicTime at) {
  ++totals_.segments;
  const auto known = by_key_.find(key);
  auto connection = known == by_key_.end() ? connections_.end() : known->second;
  if (connection != connections_.end() && connection->streams.is_successor(to, segment)) {
    erase(connection, at);
    connection = connections_.end();
  }
  if (connection == connections_.end()) {
    if (!segment.syn && (segment.length == 0 || segment.rst)) return;
    connection = open(key, target, segment.syn, at);
  }
  if (!connection->conversation) return;
  const std::size_t held_before = connection->streams.held_bytes();
  if (connection->streams.add(to, segment, at, *connection->conversation)) {
    connection->last = std::max(connection->last, at);
    connections_.splice(connections_.end(), connections_, connection);
  }
  settle(connection, held_before, at);
  if (held_bytes_ > kMaxHeldBytes) expire(MonotonicTime::max());
}

Connections::List::iterator Connections::open(const Key& key, const CaptureTarget& target, bool from_start,
                                              MonotonicTime at) {
  while (connections_.size() >= kMaxConnections) evict_one();
  if (!from_start) ++totals_.joined;
  Connection fresh{key, {}, nullptr, at};
  fresh.conversation = std::make_unique<Conversation>(contexts_.at(target.server), from_start, totals_.gaps);
  const auto added = connections_.insert(connections_.end(), std::move(fresh));
  by_key_[key] = added;
  return added;
}

// Keeps the books after a change of its streams.
void Connections::settle(List::iterator connection, std::size_t held_before, MonotonicTime at) {
  held_bytes_ = held_bytes_ + connection->streams.held_bytes() - held_before;
  if (connection->streams.closed()) {
    // Both sides are done: whatever is still open will not be answered.
    connection->conversation->abandon(at);
    connection->conversation.reset();
    held_bytes_ -= connection->streams.held_bytes();
    connection->streams.drop_held();
  }
  if (connection->streams.oldest_held()) {
    waiting_.insert(&*connection);
  } else {
    waiting_.erase(&*connection);
  }
}

void Connections::expire(MonotonicTime before) {
  const std::vector<Connection*> waiting(waiting_.begin(), waiting_.end());
  for (Connection* c : waiting) {
    const std::size_t held_before = c->streams.held_bytes();
    c->streams.expire(before, *c->conversation);
    settle(by_key_.at(c->key), held_before, c->last);
  }
}

void Connections::forget_idle(MonotonicTime now) {
  for (auto c = connections_.begin(); c != connections_.end();) {
    const auto current = c++;
    const Nanoseconds silent = now - current->last;
    const bool in_flight = current->conversation && current->conversation->in_flight() > 0;
    const Nanoseconds patience = !current->conversation ? Nanoseconds(kCopiesTime)
                                 : in_flight            ? Nanoseconds(kSilentTime)
                                                        : Nanoseconds(kIdleTime);
    if (silent <= patience) continue;
    if (in_flight) ++totals_.evicted;
    erase(current, current->last);
  }
}

void Connections::evict_one() {
  auto chosen = connections_.begin();
  auto c = chosen;
  for (int looks = 0; looks < kEvictionLooks && c != connections_.end(); ++looks, ++c) {
    if (c->conversation && c->conversation->in_flight() > 0) continue;
    chosen = c;
    break;
  }
  if (chosen->conversation && chosen->conversation->in_flight() > 0) ++totals_.evicted;
  erase(chosen, chosen->last);
}

void Connections::erase(List::iterator connection, MonotonicTime at) {
  if (connection->conversation) connection->conversation->abandon(at);
  held_bytes_ -= connection->streams.held_bytes();
  waiting_.erase(&*connection);
  by_key_.erase(connection->key);
  connections_.erase(connection);
}

void Connections::abandon(MonotonicTime at) {
  while (!connections_.empty()) erase(connections_.begin(), at);
}

}  // namespace tegrascope
