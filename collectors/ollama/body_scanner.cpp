#include "collectors/ollama/body_scanner.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kMaxKeyBytes = 32;
constexpr std::size_t kMaxValueBytes = 256;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

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
    const char c = bytes.front();
    bytes.remove_prefix(1);
    step(c);
  }
}

bool BodyScanner::take_string(std::string_view& bytes, bool keep) {
  std::size_t i = 0;
  for (; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      break;
    }
  }
  if (keep) (state_ == State::key ? key_ : text_).append(bytes.substr(0, i));
  const bool closed = i < bytes.size();
  bytes.remove_prefix(closed ? i + 1 : i);
  return closed;
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

void BodyScanner::begin_value(char c) {
  const auto is = [this](std::string_view name) {
    return !key_.overflowed() && equals_ignoring_case(key_.value(), name);
  };
  if (c == '{' && section_ == Section::top && (is("options") || is("stream_options"))) {
    section_ = is("options") ? Section::options : Section::stream_options;
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
      wanted_ = is("model") || is("stream") || is("keep_alive");
      break;
    case Section::options:
      wanted_ = is("num_gpu") || is("num_predict") || is("num_ctx");
      break;
    case Section::stream_options:
      wanted_ = is("include_usage");
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
  const std::string key = to_lower(key_.value());
  if (key == "model") {
    if (is_string) fields_.model = value;
  } else if (key == "keep_alive") {
    fields_.keep_alive = value;
  } else if (key == "stream") {
    fields_.stream = to_bool(value);
  } else if (key == "include_usage") {
    fields_.include_usage = to_bool(value);
  } else if (key == "num_gpu") {
    fields_.num_gpu = to_integer(value);
  } else if (key == "num_predict") {
    fields_.num_predict = to_integer(value);
  } else if (key == "num_ctx") {
    fields_.num_ctx = to_integer(value);
  }
}

}  // namespace tegrascope
