// Where the body of an HTTP/1 message ends, found while its bytes pass in arbitrary pieces. Keeps no bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "collectors/ollama/http_head.hpp"

namespace tegrascope {

// How chunk framing is read. A request is forwarded raw, so nothing that two parsers could read differently
// may pass: no chunk extensions, no trailers, no bare LF. An answer is only observed.
enum class Strictness : std::uint8_t { strict, lenient };

class BodyTracker {
 public:
  BodyTracker() = default;  // no body: done at once
  BodyTracker(Framing framing, std::uint64_t content_length, Strictness strictness);

  struct Step {
    std::size_t consumed = 0;  // bytes of the input that belong to this body
    std::string_view payload;  // the content among them: one span, may be empty
  };
  // Takes bytes from the front of `bytes`. Call again with the rest until done(), bad() or nothing is left.
  // After bad() the bytes up to `consumed` were still in order.
  Step next(std::string_view bytes);

  // `lost` bytes were not seen. False: they reach beyond what can be told of this message, which then is bad().
  // In a chunked message that is not strict, next() looks for the next chunk's size line: the content between
  // chunks must hold no CR, as JSON lines do not.
  bool skip(std::uint64_t lost);
  // skip() lost the chunks and next() has not found them again.
  bool searching() const { return state_ == State::search; }

  bool done() const { return state_ == State::done; }
  bool bad() const { return state_ == State::bad; }
  // Within a chunked body.
  bool in_chunks() const { return state_ > State::plain; }
  // The message ends with its connection.
  bool ends_with_connection() const { return state_ == State::until_close; }

 private:
  enum class State : std::uint8_t {
    done,
    bad,
    until_close,
    plain,         // content of a message with Content-Length
    size,          // digits of a chunk size
    extension,     // rest of a chunk size line (lenient only)
    size_lf,       // LF behind a chunk size
    data,          // content of a chunk
    data_cr,       // CR behind the content
    data_lf,       // LF behind the content
    trailer,       // start of a line behind the last chunk
    trailer_text,  // within such a line (lenient only)
    trailer_lf,    // LF of the blank line that ends the message
    search         // for the size line of any chunk, at the start of a piece or behind CR LF
  };
  void framing_byte(char c);
  void size_line_done();
  std::size_t find_chunk(std::string_view bytes);

  State state_ = State::done;
  bool strict_ = true;
  std::uint64_t remaining_ = 0;  // content bytes to come, of the message or of the chunk
  int size_digits_ = 0;
};

}  // namespace tegrascope
