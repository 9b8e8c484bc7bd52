#include "collectors/ollama/stream_lines.hpp"

#include <cstring>
#include <utility>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kGlanceBytes = 64 * 1024;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::size_t skip_blanks(std::string_view text, std::size_t i) {
  while (i < text.size() && is_blank(text[i])) ++i;
  return i;
}

// Offset of the quote that closes the string whose first byte is at `from`; npos when it is not there.
std::size_t closing_quote(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('"', from); at != std::string_view::npos; at = text.find('"', at + 1)) {
    std::size_t backslashes = 0;
    while (at - backslashes > from && text[at - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at;
  }
  return std::string_view::npos;
}

bool non_empty_string(std::string_view value) {
  return value.size() >= 2 && value[0] == '"' && value[1] != '"';
}

bool non_empty_array(std::string_view value) {
  if (value.empty() || value[0] != '[') return false;
  const std::size_t next = skip_blanks(value, 1);
  return next < value.size() && value[next] != ']';
}

// `value` starts at the first byte of the key's value. Depth 1 is the outermost object.
bool is_content(Dialect dialect, int depth, std::string_view key, std::string_view value) {
  switch (dialect) {
    case Dialect::ollama:
      if (depth == 1 && (key == "response" || key == "thinking")) return non_empty_string(value);
      if (depth == 2 && (key == "content" || key == "thinking")) return non_empty_string(value);
      return depth == 2 && key == "tool_calls" && non_empty_array(value);
    case Dialect::openai:  // {"choices":[{"delta":{...}}]} or {"choices":[{"text":...}]}
      if (depth == 3 && key == "text") return non_empty_string(value);
      if (depth != 4) return false;
      if (key == "content" || key == "reasoning" || key == "reasoning_content")
        return non_empty_string(value);
      return key == "tool_calls" && non_empty_array(value);
    case Dialect::responses:
      return depth == 1 && key == "delta" && non_empty_string(value);
    case Dialect::anthropic:
      return depth == 2 && (key == "text" || key == "thinking" || key == "partial_json") &&
             non_empty_string(value);
  }
  return false;
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

void note_key(LineFacts& facts, Dialect dialect, int depth, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (!facts.content && is_content(dialect, depth, key, value)) facts.content = true;
  if (depth == 1 && key == "error" && value[0] != 'n') facts.error = true;
  if (dialect == Dialect::ollama) {
    if (depth == 1 && key == "done" && starts_with(value, "true")) facts.counts = facts.end = true;
    return;
  }
  if (depth <= 2 && key == "usage" && value[0] == '{') facts.counts = true;
  if (depth != 1 || key != "type") return;
  if (dialect == Dialect::anthropic && starts_with(value, "\"message_stop\"")) facts.end = true;
  if (dialect == Dialect::responses) {
    if (starts_with(value, "\"response.completed\"") || starts_with(value, "\"response.incomplete\""))
      facts.end = true;
    if (starts_with(value, "\"response.failed\"")) facts.end = facts.error = true;
  }
}

}  // namespace

LineFacts glance_at_line(std::string_view json, Dialect dialect) {
  LineFacts facts;
  const bool whole = json.size() <= kGlanceBytes;
  const std::string_view text = json.substr(0, kGlanceBytes);
  std::size_t i = skip_blanks(text, 0);
  if (i == text.size() || text[i] != '{') {
    facts.malformed = true;
    return facts;
  }
  int depth = 0;
  for (; i < text.size(); ++i) {
    switch (text[i]) {
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) {
          facts.malformed = skip_blanks(text, i + 1) != text.size();
          return facts;
        }
        break;
      case '"': {
        const std::size_t close = closing_quote(text, i + 1);
        if (close == std::string_view::npos) {
          facts.malformed = whole;
          return facts;
        }
        const std::size_t colon = skip_blanks(text, close + 1);
        if (colon < text.size() && text[colon] == ':') {
          const std::string_view key = text.substr(i + 1, close - i - 1);
          note_key(facts, dialect, depth, key, text.substr(skip_blanks(text, colon + 1)));
        }
        i = close;
        break;
      }
      default:
        break;
    }
  }
  facts.malformed = whole;
  return facts;
}

unsigned StreamLines::feed(std::string_view payload) {
  unsigned with_content = 0;
  while (!payload.empty() && !oversize_) {
    const void* found = std::memchr(payload.data(), '\n', payload.size());
    const std::size_t length =
        found == nullptr ? payload.size()
                         : static_cast<std::size_t>(static_cast<const char*>(found) - payload.data());
    if (tail_.size() + length > kMaxObservedBytes) {
      oversize_ = true;
      tail_ = std::string();
      final_ = std::string();
      break;
    }
    if (found == nullptr) {
      tail_.append(payload);
      break;
    }
    if (tail_.empty()) {
      with_content += line(payload.substr(0, length)) ? 1 : 0;
    } else {
      tail_.append(payload.substr(0, length));
      with_content += line(tail_) ? 1 : 0;
      tail_.clear();
    }
    payload.remove_prefix(length + 1);
  }
  return with_content;
}

void StreamLines::gap() {
  in_gap_ = true;
  tail_.clear();
}

bool StreamLines::line(std::string_view text) {
  const bool maybe_cut = std::exchange(in_gap_, false);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (format_ == StreamFormat::ndjson) {
    text = trim_blanks(text);
    return !text.empty() && object(text, maybe_cut);
  }
  if (!starts_with(text, "data:")) return false;  // event:, id:, retry:, comments, blank lines
  text = trim_blanks(text.substr(5));
  if (text == "[DONE]") {
    ended_ = true;
    return false;
  }
  return !text.empty() && object(text, maybe_cut);
}

bool StreamLines::object(std::string_view json, bool maybe_cut) {
  const LineFacts facts = glance_at_line(json, dialect_);
  if (maybe_cut && facts.malformed) return false;
  if (facts.counts) final_.assign(json);
  ended_ = ended_ || facts.end;
  error_ = error_ || facts.error;
  malformed_ = malformed_ || facts.malformed;
  return facts.content;
}

}  // namespace tegrascope
