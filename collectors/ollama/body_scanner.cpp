#include "collectors/ollama/body_scanner.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMaxKeyBytes = 32;
constexpr std::size_t kMaxValueBytes = 256;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A number, or Go's form of a duration as in "1h30m". Anything else would be a text of the user's.
bool looks_like_duration(std::string_view text) {
  constexpr std::string_view kNumber = "0123456789.+-";
  constexpr std::string_view kUnits = "hmsun\xc2\xb5\xce\xbc";  // and both letters for micro
  constexpr std::size_t kLongest = 32;
  if (text.empty() || text.size() > kLongest || kNumber.find(text.front()) == std::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kNumber.find(c) != std::string_view::npos || kUnits.find(c) != std::string_view::npos;
  });
}

constexpr std::array<bool, 256> make_structural() {
  std::array<bool, 256> out{};
  for (const char c : {'"', '{', '}', '[', ']'}) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr std::array<bool, 256> kStructural = make_structural();  // bytes that matter outside of strings

// Offset of the first `c` at or behind `from`; the size of `text` when there is none.
std::size_t find_byte(std::string_view text, char c, std::size_t from) {
  if (from >= text.size()) return text.size();
  const void* found = std::memchr(text.data() + from, c, text.size() - from);
  if (found == nullptr) return text.size();
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Compares as Go folds the names of struct fields: the long s and the Kelvin sign are letters s and k, too.
bool equals_folded(std::string_view key, std::string_view name) {
  std::size_t i = 0;
  for (const char expected : name) {
    const std::string_view rest = key.substr(i);
    if (rest.empty()) return false;
    if (lower(rest[0]) == expected) {
      ++i;
    } else if (expected == 's' && rest.substr(0, 2) == "\u017f") {
      i += 2;
    } else if (expected == 'k' && rest.substr(0, 3) == "\u212a") {
      i += 3;
    } else {
      return false;
    }
  }
  return i == key.size();
}

std::optional<std::int64_t> to_integer(const std::string& text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  if (!(std::abs(value) < 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<bool> to_bool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

}  // namespace

void BodyScanner::feed(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::done && state_ != State::bad) {
    if (state_ == State::key || state_ == State::string || state_ == State::skip_string) {
      if (!take_string(bytes, state_ == State::key || (state_ == State::string && wanted_))) return;
      if (state_ == State::key) {
        state_ = State::colon;
      } else if (state_ == State::skip_string) {
        state_ = State::skip;
      } else {
        store(true);
        state_ = State::after_value;
      }
      continue;
    }
    if (state_ == State::skip) {
      take_skipped(bytes);
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    step(c);
  }
}

bool BodyScanner::take_string(std::string_view& bytes, bool keep) {
  std::size_t i = 0;
  if (escaped_) {
    escaped_ = false;
    i = 1;
  }
  std::size_t quote = find_byte(bytes, '"', i);
  while (true) {
    const std::size_t backslash = find_byte(bytes.substr(0, quote), '\\', i);
    if (backslash >= quote) break;
    i = backslash + 2;
    escaped_ = i > bytes.size();
    if (i > quote) quote = find_byte(bytes, '"', i);
  }
  if (keep) (state_ == State::key ? key_ : text_).append(bytes.substr(0, quote));
  const bool closed = quote < bytes.size();
  bytes.remove_prefix(closed ? quote + 1 : quote);
  return closed;
}

void BodyScanner::take_skipped(std::string_view& bytes) {
  std::size_t i = 0;
  while (i < bytes.size() && !kStructural[static_cast<unsigned char>(bytes[i])]) ++i;
  if (i == bytes.size()) return bytes.remove_prefix(i);
  step(bytes[i]);
  bytes.remove_prefix(i + 1);
}

void BodyScanner::step(char c) {
  switch (state_) {
    case State::start:
      if (c == '{') {
        state_ = State::key_or_end;
      } else if (!is_blank(c)) {
        state_ = State::bad;
      }
      break;
    case State::key_or_end:
      if (c == '"') {
        key_.start(kMaxKeyBytes);
        state_ = State::key;
      } else if (c == '}') {
        after_value(c);
      } else if (!is_blank(c)) {
        state_ = State::bad;
      }
      break;
    case State::colon:
      if (c == ':') {
        state_ = State::value;
      } else if (!is_blank(c)) {
        state_ = State::bad;
      }
      break;
    case State::value:
      if (!is_blank(c)) begin_value(c);
      break;
    case State::scalar:
      if (is_blank(c) || c == ',' || c == '}') {
        store(false);
        after_value(c);
      } else if (wanted_) {
        text_.append(c);
      }
      break;
    case State::after_value:
      after_value(c);
      break;
    case State::skip:
      if (c == '"') {
        state_ = State::skip_string;
      } else if (c == '{' || c == '[') {
        ++skip_depth_;
      } else if ((c == '}' || c == ']') && --skip_depth_ == 0) {
        state_ = State::after_value;
      }
      break;
    default:
      break;
  }
}

bool BodyScanner::key_is(std::string_view name) const {
  if (key_.overflowed()) return false;
  return section_ == Section::options ? key_.value() == name : equals_folded(key_.value(), name);
}

void BodyScanner::begin_value(char c) {
  if (c == '{' && section_ == Section::top && (key_is("options") || key_is("stream_options"))) {
    section_ = key_is("options") ? Section::options : Section::stream_options;
    state_ = State::key_or_end;
    return;
  }
  if (c == '{' || c == '[') {
    skip_depth_ = 1;
    state_ = State::skip;
    return;
  }
  switch (section_) {
    case Section::top:
      wanted_ = key_is("model") || key_is("stream") || key_is("keep_alive") || key_is("options") ||
                key_is("stream_options");
      break;
    case Section::options:
      wanted_ = key_is("num_gpu") || key_is("num_predict") || key_is("num_ctx");
      break;
    case Section::stream_options:
      wanted_ = key_is("include_usage");
      break;
  }
  if (wanted_) text_.start(kMaxValueBytes);
  if (c == '"') {
    state_ = State::string;
    return;
  }
  if (c == ',' || c == '}' || c == ']' || c == ':') {
    state_ = State::bad;
    return;
  }
  if (wanted_) text_.append(c);
  state_ = State::scalar;
}

void BodyScanner::after_value(char c) {
  if (is_blank(c)) {
    state_ = State::after_value;
  } else if (c == ',') {
    state_ = State::key_or_end;
  } else if (c == '}') {
    state_ = section_ == Section::top ? State::done : State::after_value;
    section_ = Section::top;
  } else {
    state_ = State::bad;
  }
}

void BodyScanner::store(bool is_string) {
  if (!wanted_) return;
  wanted_ = false;
  const std::string& value = text_.value();
  const bool is_null = !is_string && value == "null";
  const auto integer = is_string ? std::nullopt : to_integer(value);
  const auto boolean = is_string ? std::nullopt : to_bool(value);
  if (key_is("model")) {
    if (is_string) fields_.model = value;
  } else if (key_is("keep_alive")) {
    fields_.keep_alive = is_null || !looks_like_duration(value) ? std::string() : value;
  } else if (key_is("stream")) {
    fields_.stream = boolean;
  } else if (key_is("options")) {
    if (is_null) fields_.num_gpu = fields_.num_predict = fields_.num_ctx = std::nullopt;
  } else if (key_is("stream_options")) {
    if (is_null) fields_.include_usage = std::nullopt;
  } else if (key_is("include_usage")) {
    if (!is_null) fields_.include_usage = boolean;
  } else if (key_is("num_gpu")) {
    fields_.num_gpu = integer;
  } else if (key_is("num_predict")) {
    fields_.num_predict = integer;
  } else if (key_is("num_ctx")) {
    fields_.num_ctx = integer;
  }
}

}  // namespace tegrascope
