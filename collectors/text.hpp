// Small pure helpers for the text of kernel files. No locale, no exceptions, any thread.
#pragma once

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tegrascope {

// Without white space and NULs (device-tree strings end with one) at both ends.
inline std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank{" \t\r\n\0", 5};
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The whole text as an integer in base 10; nothing for anything else, overflow included.
template <class Integer>
std::optional<Integer> to_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The whole text as a plain decimal number ("-256", "53.968"); nothing for exponents, inf, nan.
inline std::optional<double> to_number(std::string_view text) {
  double value{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Takes `suffix` (or `prefix`) away; false and unchanged when the text does not have it.
inline bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}
inline bool remove_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = lower(c);
  return result;
}

// Calls f(part) for every part between separators, empty parts included.
template <class F>
void for_each_part(std::string_view text, char separator, F&& f) {
  while (true) {
    const auto end = text.find(separator);
    f(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// Fields separated by one or more blanks.
inline std::vector<std::string_view> split_fields(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string_view> fields;
  for (auto begin = text.find_first_not_of(kBlank); begin != std::string_view::npos;) {
    const auto end = text.find_first_of(kBlank, begin);
    fields.push_back(text.substr(begin, end - begin));
    begin = end == std::string_view::npos ? end : text.find_first_not_of(kBlank, end);
  }
  return fields;
}

// For error texts: in quotes, at most 64 characters, control characters as '?'.
inline std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 64;
  std::string result = "'";
  for (const char c : text.substr(0, kMost))
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  result += text.size() > kMost ? "...'" : "'";
  return result;
}

}  // namespace tegrascope
