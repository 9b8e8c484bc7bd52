#include "collectors/ollama/http_fields.hpp"
#include "collectors/ollama/http_head.hpp"

namespace tegrascope {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::optional<int> status_of(std::string_view line) {
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || line[8] != ' ') return std::nullopt;
  const auto status = digits_only(line.substr(9, 3));
  if (!status || *status < 100) return std::nullopt;
  return static_cast<int>(*status);
}

}  // namespace

std::size_t find_response_head_end(std::string_view bytes) {
  for (std::size_t i = bytes.find('\n'); i != std::string_view::npos; i = bytes.find('\n', i + 1)) {
    if (i + 1 < bytes.size() && bytes[i + 1] == '\n') return i + 2;
    if (i + 2 < bytes.size() && bytes[i + 1] == '\r' && bytes[i + 2] == '\n') return i + 3;
  }
  return std::string_view::npos;
}

std::optional<ResponseHead> read_response_head(std::string_view head, bool answers_head) {
  const std::string_view status_line = take_line(head);
  const auto status = status_of(status_line);
  if (!status) return std::nullopt;
  ResponseHead out;
  out.status = *status;
  out.keep_alive = status_line[7] != '0';
  bool chunked = false;
  std::optional<std::uint64_t> length;
  while (!head.empty()) {
    const std::string_view line = take_line(head);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = to_lower(trim_blanks(line.substr(0, colon)));
    const std::string_view value = trim_blanks(line.substr(colon + 1));
    if (name == "transfer-encoding") {
      chunked = list_holds(value, "chunked");
    } else if (name == "content-length") {
      length = digits_only(value);
    } else if (name == "content-type") {
      out.content_type = to_lower(trim_blanks(value.substr(0, value.find(';'))));
    } else if (name == "content-encoding") {
      out.encoded = !equals_ignoring_case(value, "identity");
    } else if (name == "connection") {
      if (list_holds(value, "close")) out.keep_alive = false;
      if (list_holds(value, "keep-alive")) out.keep_alive = true;
    }
  }
  if (answers_head || *status < 200 || *status == 204 || *status == 304) {
    out.framing = Framing::none;
  } else if (chunked) {
    out.framing = Framing::chunked;
  } else if (length) {
    out.framing = Framing::length;
    out.content_length = *length;
  }
  return out;
}

}  // namespace tegrascope
