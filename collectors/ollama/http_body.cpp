#include "collectors/ollama/http_body.hpp"

#include <algorithm>

namespace tegrascope {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyTracker::BodyTracker(Framing framing, std::uint64_t content_length, Strictness strictness)
    : strict_(strictness == Strictness::strict) {
  switch (framing) {
    case Framing::none:
      break;
    case Framing::length:
      remaining_ = content_length;
      if (remaining_ > 0) state_ = State::plain;
      break;
    case Framing::chunked:
      state_ = State::size;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

BodyTracker::Step BodyTracker::next(std::string_view bytes) {
  Step step;
  if (state_ == State::until_close) return {bytes.size(), bytes};
  if (state_ == State::search) step.consumed = find_chunk(bytes);
  while (step.consumed < bytes.size() && state_ != State::done && state_ != State::bad) {
    if (state_ == State::plain || state_ == State::data) {
      const auto left = static_cast<std::uint64_t>(bytes.size() - step.consumed);
      const auto count = static_cast<std::size_t>(std::min(left, remaining_));
      step.payload = bytes.substr(step.consumed, count);
      step.consumed += count;
      remaining_ -= count;
      if (remaining_ == 0) state_ = state_ == State::plain ? State::done : State::data_cr;
      return step;
    }
    framing_byte(bytes[step.consumed]);
    if (state_ != State::bad) ++step.consumed;
  }
  return step;
}

bool BodyTracker::skip(std::uint64_t lost) {
  switch (state_) {
    case State::until_close:
    case State::search:
      return true;
    case State::plain:
    case State::data:
      if (lost <= remaining_) {
        remaining_ -= lost;
        if (remaining_ == 0) state_ = state_ == State::plain ? State::done : State::data_cr;
        return true;
      }
      break;
    default:
      break;
  }
  if (in_chunks() && !strict_) {
    state_ = State::search;
    return true;
  }
  state_ = State::bad;
  return false;
}

// Bytes in front of a size line; all of them when there is none.
std::size_t BodyTracker::find_chunk(std::string_view bytes) {
  constexpr std::size_t kMaxDigits = 8;
  for (std::size_t from = 0; from < bytes.size();) {
    std::size_t end = from;
    while (end < bytes.size() && end - from < kMaxDigits && hex_value(bytes[end]) >= 0) ++end;
    if (end > from && bytes.substr(end, 2) == "\r\n") {
      state_ = State::size;
      remaining_ = 0;
      size_digits_ = 0;
      return from;
    }
    const std::size_t line = bytes.find("\r\n", from);
    if (line == std::string_view::npos) break;
    from = line + 2;
  }
  return bytes.size();
}

void BodyTracker::size_line_done() {
  size_digits_ = 0;
  state_ = remaining_ == 0 ? State::trailer : State::data;
}

void BodyTracker::framing_byte(char c) {
  switch (state_) {
    case State::size: {
      const int digit = hex_value(c);
      if (digit >= 0 && size_digits_ < 16) {
        remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
        ++size_digits_;
        if (strict_ && remaining_ > INT64_MAX) state_ = State::bad;  // negative to some parsers
      } else if (size_digits_ == 0 || digit >= 0) {
        state_ = State::bad;
      } else if (c == '\r') {
        state_ = State::size_lf;
      } else if (!strict_ && c == '\n') {
        size_line_done();
      } else {
        state_ = strict_ ? State::bad : State::extension;
      }
      break;
    }
    case State::extension:
      if (c == '\n') size_line_done();
      break;
    case State::size_lf:
      if (c == '\n') {
        size_line_done();
      } else {
        state_ = State::bad;
      }
      break;
    case State::data_cr:
      if (c == '\r') {
        state_ = State::data_lf;
      } else {
        state_ = !strict_ && c == '\n' ? State::size : State::bad;
      }
      break;
    case State::data_lf:
      state_ = c == '\n' ? State::size : State::bad;
      break;
    case State::trailer:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (strict_) {
        state_ = State::bad;
      } else {
        state_ = c == '\n' ? State::done : State::trailer_text;
      }
      break;
    case State::trailer_text:
      if (c == '\n') state_ = State::trailer;
      break;
    case State::trailer_lf:
      state_ = c == '\n' ? State::done : State::bad;
      break;
    default:
      break;
  }
}

}  // namespace tegrascope
