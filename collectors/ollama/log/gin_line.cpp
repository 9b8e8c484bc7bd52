#include "collectors/ollama/log/gin_line.hpp"

#include "collectors/ollama/log/log_text.hpp"
#include "collectors/ollama/routes.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::string_view kMark = "[GIN] ";

// "2024/09/13 - 09:19:05" as ISO 8601; empty for anything else.
std::string iso_time(std::string_view text) {
  constexpr std::string_view kForm = "0000/00/00 - 00:00:00";
  if (text.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return {};
  }
  std::string time(text.substr(0, 10));
  time[4] = time[7] = '-';
  return time + 'T' + std::string(text.substr(13));
}

std::string_view next_field(std::string_view& text) {
  const std::size_t end = text.find('|');
  const std::string_view field = trim(text.substr(0, end));
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

}  // namespace

std::size_t find_gin(std::string_view text) { return text.find(kMark); }

std::optional<LogRequest> parse_gin(std::string_view text) {
  if (!remove_prefix(text, kMark)) return std::nullopt;
  LogRequest request;
  request.end = iso_time(next_field(text));
  const auto status = to_integer<int>(next_field(text));
  if (!status || *status < 100 || *status > 999) return std::nullopt;
  request.status = *status;
  request.duration = parse_go_duration(next_field(text));
  request.client = std::string(next_field(text).substr(0, kMaxLogText));
  text = trim(text);
  const std::size_t blank = text.find_first_of(" \t");
  if (blank == std::string_view::npos || blank == 0 || blank > 16) return std::nullopt;
  request.method = std::string(text.substr(0, blank));
  text = trim(text.substr(blank));
  if (!remove_prefix(text, "\"") || !text.starts_with('/')) return std::nullopt;
  const std::size_t end = text.find_first_of("\"?");
  if (end == std::string_view::npos) return std::nullopt;
  request.path = std::string(text.substr(0, std::min(end, kMaxLogText)));
  return request;
}

bool is_inference(const LogRequest& request) {
  return request.method == "POST" && find_route(request.method, request.path).is_inference;
}

}  // namespace tegrascope
