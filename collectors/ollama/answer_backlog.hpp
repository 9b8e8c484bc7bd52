// The buffer that a relay receives answers in. Pieces of a running token stream stay in it to be observed later, several
// at a time: at a board's token rates the caches are cold whenever a token comes, and decoding each at once costs more
// CPU than forwarding it adds (measured: 15 % of a token's whole cost); decoded in groups it costs a tenth of that. Each
// piece keeps the time it came.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "agent/model/time.hpp"

namespace tegrascope {

class AnswerBacklog {
 public:
  // How long the first piece may wait for the next one that comes.
  static constexpr std::chrono::milliseconds kMaxWait{400};

  // Where the next piece belongs, behind those that wait; not empty.
  std::span<char> room() { return std::span(text_).subspan(size_); }

  // Keeps the piece, which lies where room() began, if it may wait: it ends one chunk with whole lines, so the answer
  // goes on behind it, and there is room. Otherwise nothing is kept: observe what waits, then this piece.
  bool keep(std::string_view bytes, MonotonicTime at) {
    const bool ends_a_line = bytes.size() >= 4 && bytes.substr(bytes.size() - 3) == "\n\r\n" &&
                             (bytes[bytes.size() - 4] == '}' || bytes[bytes.size() - 4] == '\n');
    if (!ends_a_line || count_ == pieces_.size() || size_ + bytes.size() > kMaxBytes) return false;
    if (bytes.data() != text_.data() + size_) return false;  // what waited has been released since
    if (count_ > 0 && at - pieces_[0].at >= kMaxWait) return false;
    size_ += bytes.size();
    pieces_[count_++] = {static_cast<std::uint32_t>(bytes.size()), at};
    return true;
  }

  // Passes every piece to `observe(bytes, at)` in order and forgets them, also when it throws. `observe` must not keep().
  // The bytes stay where they are until something is received.
  template <typename Observe>
  void release(Observe&& observe) {
    if (count_ == 0) return;
    const Forget forget{*this};
    std::string_view rest(text_.data(), size_);
    for (std::size_t i = 0; i < count_; ++i) {
      observe(rest.substr(0, pieces_[i].size), pieces_[i].at);
      rest.remove_prefix(pieces_[i].size);
    }
  }

 private:
  static constexpr std::size_t kMaxBytes = 8192;
  struct Piece {
    std::uint32_t size = 0;
    MonotonicTime at{};
  };
  struct Forget {
    AnswerBacklog& backlog;
    ~Forget() {
      backlog.count_ = 0;
      backlog.size_ = 0;
    }
  };
  std::size_t size_ = 0;
  std::size_t count_ = 0;
  std::array<Piece, 32> pieces_;
  std::array<char, 2 * kMaxBytes> text_;  // only what is used of it is touched
};

}  // namespace tegrascope
