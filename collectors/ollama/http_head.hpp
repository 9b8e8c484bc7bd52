// Heads of HTTP/1 messages. Requests are checked strictly, because the relay forwards their raw bytes:
// whatever two parsers could read differently is refused (RFC 9112 section 11.2). Answers are only observed,
// so their parser is lenient. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tegrascope {

// How the end of a message body is found.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;

struct RequestHead {
  std::string method;
  std::string target;
  std::string host;             // value of the Host field, empty when absent
  std::size_t host_offset = 0;  // of that value in the head; 0 when absent
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  bool keep_alive = true;
  bool expects_continue = false;
  bool encoded = false;  // Content-Encoding other than identity
};

// Why a request is refused. `message` names what is wrong and what to do, and quotes no bytes of the request.
struct Refusal {
  int status = 400;
  std::string message;
};

struct ResponseHead {
  int status = 0;
  Framing framing = Framing::until_close;
  std::uint64_t content_length = 0;
  std::string content_type;  // lower case, without parameters
  bool encoded = false;      // Content-Encoding other than identity
  bool keep_alive = true;
};

// `head` is a whole request head, from its first byte to the blank line included.
std::variant<RequestHead, Refusal> check_request_head(std::string_view head);

// Offset just behind the blank line that ends a request head, if there. `scanned` bytes were looked at before
// and held none. Refuses a line that ends without CR, a CR without LF, a NUL and a head over kMaxHeadBytes as soon as they are
// seen.
std::variant<std::optional<std::size_t>, Refusal> find_request_head_end(std::string_view bytes,
                                                                        std::size_t scanned);

// Offset just behind the blank line of an answer's head (bare LF tolerated); npos when it is not there yet.
std::size_t find_response_head_end(std::string_view bytes);

// Nothing when it is no HTTP/1 answer. `answers_head`: it answers a HEAD request, so it has no body.
std::optional<ResponseHead> read_response_head(std::string_view head, bool answers_head);

}  // namespace tegrascope
