// Collects one JSON string or scalar that arrives in pieces: bounded, escapes resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tegrascope {

class JsonText {
 public:
  // Bytes beyond `limit` are dropped and overflowed() says so.
  void start(std::size_t limit);

  // Raw bytes of a string without its quotes. They may stop within an escape.
  void append(std::string_view raw);
  void append(char c);

  const std::string& value() const { return value_; }
  bool overflowed() const { return overflowed_; }

 private:
  void put(char c);
  void put_code_point(std::uint32_t code_point);
  void unicode_unit(std::uint32_t unit);

  std::string value_;
  std::size_t limit_ = 0;
  bool overflowed_ = false;
  bool escaped_ = false;     // the last byte was a backslash
  int hex_digits_left_ = 0;  // of a \u escape
  std::uint32_t unit_ = 0;   // value of that escape so far
  std::uint32_t high_surrogate_ = 0;
};

}  // namespace tegrascope
