#include "collectors/ollama/capture/tcp_stream.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {
namespace {

// How far b lies behind a on the circle of sequence numbers; negative: before it (RFC 9293 section 3.4).
std::int32_t distance(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a); }

constexpr Direction other(Direction d) {
  return d == Direction::to_server ? Direction::to_client : Direction::to_server;
}

constexpr std::array kDirections{Direction::to_server, Direction::to_client};

}  // namespace

struct TcpStreams::Piece {
  std::uint32_t sequence;
  std::uint32_t acknowledgement;
  bool ack;
  bool fin;
  bool rst;
  std::uint32_t length;
  std::string_view payload;
  MonotonicTime at;

  std::uint32_t end() const { return sequence + length; }
};

bool TcpStreams::is_successor(Direction to, const TcpSegment& segment) const {
  const Side& s = side(to);
  if (!segment.syn || !s.known) return false;
  if (s.initial) return *s.initial != segment.sequence;
  return s.first != segment.sequence + 1;
}

bool TcpStreams::add(Direction to, const TcpSegment& segment, MonotonicTime at, Receiver& receiver) {
  if (reset_) return false;
  Side& mine = side(to);
  Side& peer = side(other(to));
  const std::uint32_t start = segment.sequence + (segment.syn ? 1 : 0);
  bool news = !mine.known;
  if (!mine.known) {
    mine.known = true;
    mine.next = mine.first = start;
  }
  if (segment.syn && !mine.initial) mine.initial = segment.sequence;
  if (segment.ack && !segment.rst && !peer.known) {
    peer.known = true;
    peer.next = peer.first = segment.acknowledgement;
  }
  const Piece piece{start,
                    segment.acknowledgement,
                    segment.ack && !segment.rst,
                    segment.fin,
                    segment.rst,
                    segment.length,
                    segment.payload,
                    at};
  if (piece.length == 0 && !piece.fin && !piece.rst) return news;
  const std::int32_t ahead = distance(mine.next, piece.end()) + (piece.fin && !mine.finished ? 1 : 0);
  if (ahead <= 0 && !piece.rst) return news;  // all of it was delivered before
  if (ready(to, piece)) {
    deliver(to, piece, receiver);
    drain(receiver);
    return true;
  }
  if (!hold(to, piece)) return news;
  while (held_bytes_ > kMaxHeldBytes || mine.held.size() > kMaxHeldSegments) force_oldest(receiver);
  return true;
}

bool TcpStreams::ready(Direction to, const Piece& piece) const {
  const Side& mine = side(to);
  const Side& peer = side(other(to));
  if (distance(mine.next, piece.sequence) > 0) return false;
  return !piece.ack || !peer.known || distance(peer.next, piece.acknowledgement) <= 0;
}

// The piece starts at or before `next`.
void TcpStreams::deliver(Direction to, const Piece& piece, Receiver& receiver) {
  Side& s = side(to);
  const MonotonicTime at = forward(piece.at);
  const auto known = static_cast<std::uint32_t>(std::max(distance(piece.sequence, s.next), 0));
  if (known < piece.length) {
    s.next = piece.end();
    const std::string_view fresh = piece.payload.substr(std::min<std::size_t>(known, piece.payload.size()));
    if (!fresh.empty()) receiver.bytes(to, fresh, at);
    const std::uint64_t cut = piece.length - known - fresh.size();
    if (cut > 0) receiver.gap(to, cut, at);
  }
  if (piece.fin && !s.finished && s.next == piece.end()) {
    ++s.next;
    s.finished = true;
    receiver.finished(to, at);
  }
  if (piece.rst && !reset_) {
    reset_ = true;
    receiver.reset(to, at);
  }
}

// False: the same is held already.
bool TcpStreams::hold(Direction to, const Piece& piece) {
  std::vector<Held>& held = side(to).held;
  const auto at = std::find_if(held.begin(), held.end(),
                               [&](const Held& h) { return distance(piece.sequence, h.sequence) >= 0; });
  for (auto same = at; same != held.end() && same->sequence == piece.sequence; ++same) {
    if (same->length >= piece.length && (same->fin || !piece.fin) && (same->rst || !piece.rst)) return false;
  }
  held_bytes_ += piece.payload.size();
  held.insert(at, Held{piece.sequence, piece.acknowledgement, piece.ack, piece.fin, piece.rst, piece.length,
                       std::string(piece.payload), piece.at});
  return true;
}

void TcpStreams::drain(Receiver& receiver) {
  bool moved = true;
  while (moved && !reset_) {
    moved = false;
    for (const Direction to : kDirections) moved = drain_side(to, receiver) || moved;
  }
  if (reset_) drop_held();
}

void TcpStreams::drop_held() {
  for (Side& s : sides_) s.held = {};
  held_bytes_ = 0;
}

bool TcpStreams::drain_side(Direction to, Receiver& receiver) {
  std::vector<Held>& held = side(to).held;
  if (held.empty()) return false;
  const Held& front = held.front();
  const Piece piece{front.sequence, front.acknowledgement, front.ack,     front.fin,
                    front.rst,      front.length,          front.payload, front.at};
  if (!ready(to, piece)) return false;
  const Held taken = std::move(held.front());
  held.erase(held.begin());
  held_bytes_ -= taken.payload.size();
  Piece moved = piece;
  moved.payload = taken.payload;
  deliver(to, moved, receiver);
  return true;
}

std::optional<MonotonicTime> TcpStreams::oldest_held() const {
  std::optional<MonotonicTime> oldest;
  for (const Side& s : sides_) {
    for (const Held& h : s.held) {
      if (!oldest || h.at < *oldest) oldest = h.at;
    }
  }
  return oldest;
}

void TcpStreams::expire(MonotonicTime before, Receiver& receiver) {
  for (auto oldest = oldest_held(); oldest && *oldest < before; oldest = oldest_held())
    force_oldest(receiver);
}

// Makes the first held segment of the direction that waits longest deliverable, by declaring what it waits
// for lost.
void TcpStreams::force_oldest(Receiver& receiver) {
  std::optional<Direction> to;
  MonotonicTime oldest{};
  for (const Direction d : kDirections) {
    for (const Held& h : side(d).held) {
      if (to && h.at >= oldest) continue;
      to = d;
      oldest = h.at;
    }
  }
  if (!to) return;
  Side& mine = side(*to);
  Side& peer = side(other(*to));
  Held& front = mine.held.front();
  if (distance(mine.next, front.sequence) > 0) {
    skip(*to, front.sequence, front.at, receiver);
  } else {
    std::uint32_t until = front.acknowledgement;
    const bool peer_waits = !peer.held.empty();
    if (peer_waits && distance(peer.held.front().sequence, until) > 0) until = peer.held.front().sequence;
    if (distance(peer.next, until) > 0) {
      skip(other(*to), until, front.at, receiver);
    } else {
      front.ack = false;  // each waits for the other, as after repeated segments were merged
    }
  }
  drain(receiver);
}

void TcpStreams::skip(Direction to, std::uint32_t until, MonotonicTime at, Receiver& receiver) {
  Side& s = side(to);
  const auto lost = static_cast<std::uint64_t>(distance(s.next, until));
  s.next = until;
  receiver.gap(to, lost, forward(at));
}

MonotonicTime TcpStreams::forward(MonotonicTime at) { return last_ = std::max(last_, at); }

}  // namespace tegrascope
