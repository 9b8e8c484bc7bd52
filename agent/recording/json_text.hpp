// Writes one flat JSON object a line, fast enough for every sample: numbers in their shortest exact form. Strings and what
// is rare go through nlohmann_json. Not the lines themselves: a batch of 40 readings takes it 3.5 times the CPU time (8.6 us
// against 2.4 us on x86-64), and it writes 15.0 for 15, so that recordings would change.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/model/time.hpp"

namespace tegrascope {

// Appends `text` as a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

template <std::integral T>
void append_json(std::string& out, T value) {
  if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
}
inline void append_json(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[40];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}
inline void append_json(std::string& out, std::string_view text) { append_json_string(out, text); }
inline void append_json(std::string& out, const std::string& text) { append_json_string(out, text); }
inline void append_json(std::string& out, const char* text) { append_json_string(out, text); }
inline void append_json(std::string& out, Nanoseconds d) { append_json(out, d.count()); }
inline void append_json(std::string& out, MonotonicTime t) { append_json(out, t.time_since_epoch().count()); }
inline void append_json(std::string& out, WallTime t) { append_json(out, t.time_since_epoch().count()); }
template <class T>
void append_json(std::string& out, const std::optional<T>& value) {
  if (value) {
    append_json(out, *value);
  } else {
    out += "null";
  }
}

// {"k":KIND,"key":value,...} and its newline. Keys are literals.
class JsonLine {
 public:
  explicit JsonLine(std::string_view kind) {
    text_ = "{\"k\":\"";
    text_ += kind;
    text_ += '"';
  }
  template <class T>
  JsonLine& put(std::string_view key, const T& value) {
    begin(key);
    append_json(text_, value);
    return *this;
  }
  // Left out where there is nothing to say.
  template <class T>
  JsonLine& put_if(std::string_view key, const T& value) {
    if constexpr (requires { value.has_value(); }) {
      return value ? put(key, *value) : *this;
    } else {
      return value == T{} ? *this : put(key, value);
    }
  }
  // `value` is JSON already.
  JsonLine& put_raw(std::string_view key, std::string_view value) {
    begin(key);
    text_ += value;
    return *this;
  }
  // For what put() does not know: appends to the text after `key`.
  std::string& begin(std::string_view key) {
    text_ += ",\"";
    text_ += key;
    text_ += "\":";
    return text_;
  }
  std::string take() {
    text_ += "}\n";
    return std::move(text_);
  }

 private:
  std::string text_;
};

// [a,b,...]
template <class... T>
void append_json_list(std::string& out, const T&... values) {
  out += '[';
  bool first = true;
  const auto one = [&](const auto& value) {
    if (!first) out += ',';
    first = false;
    append_json(out, value);
  };
  (one(values), ...);
  out += ']';
}

}  // namespace tegrascope
