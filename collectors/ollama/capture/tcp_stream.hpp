// The two byte streams of one TCP connection, put together from captured segments in the order in which the
// peers can have read them. Pure; times come with the segments.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/time.hpp"
#include "collectors/ollama/capture/packet.hpp"

namespace tegrascope {

enum class Direction : std::uint8_t { to_server, to_client };

// What a connection bears without loss: segments out of order, repeated, overlapping, seen on several
// interfaces, joined in the middle, sequence numbers that wrap around.
//
// - Order within a direction comes from the sequence numbers.
// - Order between the directions comes from the acknowledgements: a segment that acknowledges bytes which we
//   have not seen waits for them, so a request is always delivered before its answer.
// - What is still missing when expire() says so was not captured: a gap, and the streams go on behind it.
//
// In order, bytes are passed on where they lie; only what waits is copied, at most kMaxHeldBytes.
class TcpStreams {
 public:
  static constexpr std::size_t kMaxHeldBytes = 512 * 1024;
  static constexpr std::size_t kMaxHeldSegments = 256;

  // Told in order, with times that never go back. Must not throw.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual void bytes(Direction to, std::string_view bytes, MonotonicTime at) = 0;
    virtual void gap(Direction to, std::uint64_t lost, MonotonicTime at) = 0;  // lost > 0
    virtual void finished(Direction to, MonotonicTime at) = 0;                 // FIN
    virtual void reset(Direction to, MonotonicTime at) = 0;                    // RST
  };

  // True when `segment` is the SYN of another connection between the same two ports.
  bool is_successor(Direction to, const TcpSegment& segment) const;

  // Returns false when the segment brought nothing new (a copy of one seen before).
  bool add(Direction to, const TcpSegment& segment, MonotonicTime at, Receiver& receiver);

  // Gives up waiting for what segments older than `before` wait for.
  void expire(MonotonicTime before, Receiver& receiver);

  // Forgets what waits, untold.
  void drop_held();

  std::size_t held_bytes() const { return held_bytes_; }
  std::optional<MonotonicTime> oldest_held() const;
  // Both sides have finished, or one has reset: nothing more will come.
  bool closed() const { return reset_ || (side(0).finished && side(1).finished); }

 private:
  struct Held {
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    bool ack = false;
    bool fin = false;
    bool rst = false;
    std::uint32_t length = 0;
    std::string payload;
    MonotonicTime at{};
  };
  struct Piece;  // a segment, held or not, without its copy
  struct Side {
    bool known = false;                    // `next` means something
    std::uint32_t next = 0;                // sequence number of the next byte to deliver
    std::uint32_t first = 0;               // the first `next`
    std::optional<std::uint32_t> initial;  // of its SYN
    bool finished = false;
    std::vector<Held> held;  // by sequence number
  };
  const Side& side(std::size_t i) const { return sides_[i]; }
  Side& side(Direction to) { return sides_[static_cast<std::size_t>(to)]; }
  const Side& side(Direction to) const { return sides_[static_cast<std::size_t>(to)]; }

  bool ready(Direction to, const Piece& piece) const;
  void deliver(Direction to, const Piece& piece, Receiver& receiver);
  bool hold(Direction to, const Piece& piece);
  void drain(Receiver& receiver);
  bool drain_side(Direction to, Receiver& receiver);
  void force_oldest(Receiver& receiver);
  void skip(Direction to, std::uint32_t until, MonotonicTime at, Receiver& receiver);
  MonotonicTime forward(MonotonicTime at);

  std::array<Side, 2> sides_;
  std::size_t held_bytes_ = 0;
  bool reset_ = false;
  MonotonicTime last_{};
};

}  // namespace tegrascope
