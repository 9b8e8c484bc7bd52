#include "collectors/ollama/http_head.hpp"

#include <algorithm>
#include <array>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

constexpr std::array<std::string_view, 7> kMethods{"GET",    "HEAD",    "POST", "PUT",
                                                   "DELETE", "OPTIONS", "PATCH"};

// Larger ones are negative to a parser that counts in int64.
constexpr std::uint64_t kMaxLength = INT64_MAX;

Refusal bad(std::string message) { return {400, "bad request: " + std::move(message)}; }

bool is_token_char(unsigned char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_value_char(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || others.find(c) != std::string_view::npos; });
}

// NAME, NAME:PORT, [V6] or [V6]:PORT; nothing at all is allowed too.
bool is_host(std::string_view value) {
  std::string_view port;
  if (!value.empty() && value.front() == '[') {
    const std::size_t end = value.find(']');
    if (end == std::string_view::npos || end < 2 || !consists_of(value.substr(1, end - 1), ":.%-_~"))
      return false;
    port = value.substr(end + 1);
  } else {
    const std::size_t colon = std::min(value.find(':'), value.size());
    if (colon == 0 && !value.empty()) return false;
    if (!consists_of(value.substr(0, colon), "-._")) return false;
    port = value.substr(colon);
  }
  return port.empty() ||
         (port.front() == ':' && (port.size() == 1 || digits_only(port.substr(1)).value_or(65536) <= 65535));
}

// Fields that a parser which treats '_' as '-' would take for a framing field.
bool is_twin_of_framing_field(std::string_view lower_name) {
  if (lower_name.find('_') == std::string_view::npos) return false;
  std::string dashed(lower_name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return dashed == "content-length" || dashed == "transfer-encoding" || dashed == "content-encoding";
}

class RequestHeadCheck {
 public:
  std::variant<RequestHead, Refusal> run(std::string_view head) {
    begin_ = head.data();
    const std::size_t line_end = head.find("\r\n");
    if (line_end == std::string_view::npos) return bad("the request line is not complete");
    if (auto refusal = request_line(head.substr(0, line_end))) return *refusal;
    head.remove_prefix(line_end + 2);
    while (true) {
      const std::size_t end = head.find("\r\n");
      if (end == std::string_view::npos) return bad("the head does not end with a blank line");
      if (end == 0) {
        if (head.size() != 2) return bad("bytes follow the head");
        break;
      }
      if (auto refusal = field(head.substr(0, end))) return *refusal;
      head.remove_prefix(end + 2);
    }
    if (auto refusal = whole()) return *refusal;
    return std::move(out_);
  }

 private:
  std::optional<Refusal> request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
      return bad("the request line needs method, path and version");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (version == "HTTP/1.0") {
      is_1_0_ = true;
    } else if (version != "HTTP/1.1") {
      return bad("only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
      return Refusal{501, "this method is not supported; use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"};
    }
    if (target.empty() || target.front() != '/')
      return bad("the request target must be a path that starts with /");
    for (const char c : target) {
      const auto u = static_cast<unsigned char>(c);
      if (u <= 0x20 || u >= 0x7f || c == '#')
        return bad("the path holds a byte that must be percent-encoded");
    }
    out_.method = method;
    out_.target = target;
    return std::nullopt;
  }

  std::optional<Refusal> field(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') return bad("folded header lines are not accepted");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad("a header line has no name or no colon");
    const std::string_view name = line.substr(0, colon);
    for (const char c : name) {
      if (!is_token_char(static_cast<unsigned char>(c)))
        return bad("a header name holds a blank or another byte that is not allowed");
    }
    for (const char c : line.substr(colon + 1)) {
      if (!is_value_char(static_cast<unsigned char>(c))) return bad("a header value holds a control byte");
    }
    return known_field(to_lower(name), trim_blanks(line.substr(colon + 1)));
  }

  std::optional<Refusal> known_field(const std::string& name, std::string_view value) {
    if (is_twin_of_framing_field(name)) return bad("a framing header is spelled with an underscore");
    if (name == "content-length") return content_length(value);
    if (name == "transfer-encoding") return transfer_encoding(value);
    if (name == "host") return host(value);
    if (name == "connection") {
      if (list_holds(value, "close")) closes_ = true;
      if (list_holds(value, "keep-alive")) keeps_alive_ = true;
    } else if (name == "expect") {
      if (!equals_ignoring_case(value, "100-continue")) return bad("only Expect: 100-continue is known");
      out_.expects_continue = true;
    } else if (name == "content-encoding") {
      if (!equals_ignoring_case(value, "identity")) out_.encoded = true;
    }
    return std::nullopt;
  }

  std::optional<Refusal> content_length(std::string_view value) {
    if (has_length_) return bad("Content-Length is given twice");
    has_length_ = true;
    const auto length = digits_only(value);
    if (!length || (value.size() > 1 && value.front() == '0'))
      return bad("Content-Length is not a plain number");
    if (*length > kMaxLength) return bad("Content-Length is beyond 63 bits");
    out_.framing = Framing::length;
    out_.content_length = *length;
    return std::nullopt;
  }

  std::optional<Refusal> transfer_encoding(std::string_view value) {
    if (has_encoding_) return bad("Transfer-Encoding is given twice");
    has_encoding_ = true;
    if (value != "chunked") return Refusal{501, "the only Transfer-Encoding accepted here is chunked"};
    return std::nullopt;
  }

  std::optional<Refusal> host(std::string_view value) {
    if (has_host_) return bad("Host is given twice");
    has_host_ = true;
    if (!is_host(value)) return bad("Host is not a host name or address");
    out_.host_offset = static_cast<std::size_t>(value.data() - begin_);
    out_.host = value;
    return std::nullopt;
  }

  std::optional<Refusal> whole() {
    if (!has_host_ && !is_1_0_) return bad("Host is missing");
    if (has_encoding_ && has_length_) return bad("Content-Length and Transfer-Encoding are both given");
    if (has_encoding_ && is_1_0_) return bad("Transfer-Encoding is not part of HTTP/1.0");
    if (has_encoding_) out_.framing = Framing::chunked;
    out_.keep_alive = !closes_ && (!is_1_0_ || keeps_alive_);
    return std::nullopt;
  }

  RequestHead out_;
  const char* begin_ = nullptr;
  bool is_1_0_ = false;
  bool has_length_ = false;
  bool has_encoding_ = false;
  bool has_host_ = false;
  bool closes_ = false;
  bool keeps_alive_ = false;
};

}  // namespace

std::variant<RequestHead, Refusal> check_request_head(std::string_view head) {
  return RequestHeadCheck().run(head);
}

std::variant<std::optional<std::size_t>, Refusal> find_request_head_end(std::string_view bytes,
                                                                        std::size_t scanned) {
  const std::string_view looked_at = bytes.substr(0, kMaxHeadBytes);
  for (std::size_t i = scanned; i < looked_at.size(); ++i) {
    const char c = looked_at[i];
    if (c == '\0') return bad("the head holds a NUL byte");
    if (c != '\n' && i > 0 && looked_at[i - 1] == '\r') return bad("the head holds a CR without LF");
    if (c != '\n') continue;
    if (i == 0 || looked_at[i - 1] != '\r') return bad("a line of the head ends without CR");
    if (i == 1) return bad("the request starts with a blank line");
    if (i >= 3 && looked_at[i - 2] == '\n' && looked_at[i - 3] == '\r')
      return std::optional<std::size_t>(i + 1);
  }
  if (bytes.size() >= kMaxHeadBytes)
    return Refusal{431, "the request head is longer than 64 KiB; send fewer or shorter headers"};
  return std::optional<std::size_t>();
}

}  // namespace tegrascope
