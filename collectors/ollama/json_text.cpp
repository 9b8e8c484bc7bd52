#include "collectors/ollama/json_text.hpp"

namespace tegrascope {

void JsonText::start(std::size_t limit) {
  *this = JsonText();
  limit_ = limit;
}

void JsonText::append(std::string_view raw) {
  for (const char c : raw) append(c);
}

void JsonText::append(char c) {
  if (hex_digits_left_ > 0) {
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
    unit_ = unit_ * 16 + digit;
    if (--hex_digits_left_ == 0) unicode_unit(unit_);
    return;
  }
  if (!escaped_) {
    if (c == '\\') {
      escaped_ = true;
    } else {
      put(c);
    }
    return;
  }
  escaped_ = false;
  switch (c) {
    case 'u':
      hex_digits_left_ = 4;
      unit_ = 0;
      break;
    case 'n':
      put('\n');
      break;
    case 't':
      put('\t');
      break;
    case 'r':
      put('\r');
      break;
    case 'b':
      put('\b');
      break;
    case 'f':
      put('\f');
      break;
    default:
      put(c);
  }
}

void JsonText::put(char c) {
  if (value_.size() >= limit_) {
    overflowed_ = true;
    return;
  }
  value_.push_back(c);
}

void JsonText::unicode_unit(std::uint32_t unit) {
  if (unit >= 0xd800 && unit < 0xdc00) {
    high_surrogate_ = unit;
    return;
  }
  if (unit >= 0xdc00 && unit < 0xe000) {
    const std::uint32_t high = high_surrogate_;
    high_surrogate_ = 0;
    put_code_point(high != 0 ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : 0xfffd);
    return;
  }
  high_surrogate_ = 0;
  put_code_point(unit);
}

void JsonText::put_code_point(std::uint32_t code_point) {
  const auto byte = [this](std::uint32_t value) { put(static_cast<char>(value)); };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xc0 | code_point >> 6);
    byte(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    byte(0xe0 | code_point >> 12);
    byte(0x80 | (code_point >> 6 & 0x3f));
    byte(0x80 | (code_point & 0x3f));
  } else {
    byte(0xf0 | code_point >> 18);
    byte(0x80 | (code_point >> 12 & 0x3f));
    byte(0x80 | (code_point >> 6 & 0x3f));
    byte(0x80 | (code_point & 0x3f));
  }
}

}  // namespace tegrascope
