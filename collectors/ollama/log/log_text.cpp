#include "collectors/ollama/log/log_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "collectors/ollama/json_text.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMaxAttributes = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The raw JSON string behind `key` (which ends with the opening quote), unescaped; nothing when absent.
std::optional<std::string> json_string_after(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(at + key.size());
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  JsonText text;
  text.start(LogLines::kMaxLineBytes);
  text.append(rest.substr(0, std::min(end, rest.size())));
  return text.value();
}

// Without ECMA-48 control sequences (ESC [ ... final byte), which colour GIN's lines on a terminal.
std::string without_colours(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 1 >= text.size() || text[i + 1] != '[') continue;
    i += 2;
    while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
  }
  return out;
}

// From the opening quote; the index behind the closing one, or the end.
std::size_t quoted_end(std::string_view text, std::size_t begin) {
  std::size_t i = begin + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

std::string_view unquoted(std::string_view text) {
  if (text.empty() || text.front() != '"') return text;
  text.remove_prefix(1);
  if (!text.empty() && text.back() == '"') text.remove_suffix(1);
  return text;
}

}  // namespace

void LogLines::append(std::string_view bytes) {
  line_.append(bytes.substr(0, kMaxLineBytes - std::min(kMaxLineBytes, line_.size())));
}

void LogLines::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) return append(bytes);
    append(bytes.substr(0, end));
    finish(sink);
    bytes.remove_prefix(end + 1);
  }
}

void LogLines::finish(const Sink& sink) {
  if (!line_.empty()) sink(line_);
  line_.clear();
}

std::string plain_log_text(std::string_view line) {
  line = trim(line);
  if (!line.empty() && line.front() == '{') {
    for (const char* before : {"{\"log\":\"", "{\"log\": \"", "\"MESSAGE\":\"", "\"MESSAGE\": \""}) {
      if (const auto text = json_string_after(line, before)) return without_colours(trim(*text));
    }
  }
  return without_colours(line);
}

std::string_view SlogLine::operator[](std::string_view key) const {
  for (const auto& [name, value] : attributes) {
    if (name == key) return value;
  }
  return {};
}

std::size_t find_slog(std::string_view text) {
  for (std::size_t at = text.find("time="); at != std::string_view::npos; at = text.find("time=", at + 1)) {
    const std::string_view stamp = text.substr(at + 5, 11);
    if (stamp.size() == 11 && is_digit(stamp[0]) && is_digit(stamp[3]) && stamp[4] == '-' && stamp[10] == 'T')
      return at;
  }
  // Reporters mask the time.
  for (const std::string_view level :
       {"level=INFO ", "level=WARN ", "level=ERROR ", "level=DEBUG ", "level=TRACE "}) {
    const std::size_t at = text.find(level);
    if (at != std::string_view::npos && text.find("msg=", at) != std::string_view::npos) return at;
  }
  return std::string_view::npos;
}

SlogLine parse_slog(std::string_view text) {
  SlogLine line;
  std::size_t i = 0;
  while (i < text.size() && line.attributes.size() < kMaxAttributes) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    std::size_t end =
        text[i] == '"' ? quoted_end(text, i) : std::min(text.find_first_of(" =", i), text.size());
    const std::string_view key = unquoted(text.substr(i, end - i));
    if (end >= text.size() || text[end] != '=') {  // a word of a message whose quotes were lost
      if (!line.attributes.empty() && line.attributes.back().first == "msg") {
        std::string_view& message = line.attributes.back().second;
        message =
            std::string_view(message.data(), static_cast<std::size_t>(text.data() + end - message.data()));
      }
      i = std::max(end, i + 1);
      continue;
    }
    const std::size_t begin = end + 1;
    if (begin < text.size() && text[begin] == '"') {
      end = quoted_end(text, begin);
    } else {
      end = std::min(text.find(' ', begin), text.size());
    }
    line.attributes.emplace_back(key, unquoted(text.substr(begin, end - begin)));
    i = end;
  }
  line.message = line["msg"];
  return line;
}

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr std::array kUnits{Unit{"TiB", 0x1p40}, Unit{"GiB", 0x1p30}, Unit{"MiB", 0x1p20},
                              Unit{"KiB", 0x1p10}, Unit{"TB", 1e12},    Unit{"GB", 1e9},
                              Unit{"MB", 1e6},     Unit{"KB", 1e3},     Unit{"B", 1}};
  text = trim(text);
  for (const Unit& unit : kUnits) {
    if (!remove_suffix(text, unit.name)) continue;
    const auto number = to_number(trim(text));
    if (!number || *number < 0 || *number > 1e9) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(*number * unit.bytes));
  }
  return std::nullopt;
}

std::optional<Nanoseconds> parse_go_duration(std::string_view text) {
  text = trim(text);
  double seconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t unit_end = std::find_if(text.begin(), text.end(), is_digit) - text.begin();
    const std::string_view unit = text.substr(0, unit_end);
    double factor = 0;
    if (unit == "h") factor = 3600;
    if (unit == "m") factor = 60;
    if (unit == "s") factor = 1;
    if (unit == "ms") factor = 1e-3;
    if (unit == "us") factor = 1e-6;
    if (unit == "ns") factor = 1e-9;
    // U+00B5 or U+03BC, also in another encoding.
    if (unit.size() > 1 && unit.ends_with('s') && static_cast<unsigned char>(unit.front()) >= 0x80)
      factor = 1e-6;
    if (factor == 0) return std::nullopt;
    seconds += number * factor;
    text.remove_prefix(unit.size());
  }
  if (!(std::abs(seconds) < 1e9)) return std::nullopt;
  return from_seconds(seconds);
}

std::optional<std::int64_t> leading_integer(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<double> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? std::nullopt : leading_integer(text.substr(at + key.size()));
}

std::optional<double> number_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? std::nullopt : leading_number(text.substr(at + key.size()));
}

}  // namespace tegrascope
