#include "collectors/ollama/stream_lines.hpp"

#include <cstring>

#include "collectors/ollama/http_fields.hpp"

namespace tegrascope {
namespace {

constexpr std::size_t kGlanceBytes = 64 * 1024;
constexpr std::size_t kMaxOpeningBytes = 4 * 1024;

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
    case Dialect::llama_cpp:
      return depth == 1 && key == "content" && non_empty_string(value);
  }
  return false;
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// The type of an event of /v1/responses or /v1/messages, as its data and its `event:` line give it.
void note_type(LineFacts& facts, Dialect dialect, std::string_view type) {
  if (type == "error") facts.error = true;
  if (dialect == Dialect::anthropic && type == "message_stop") facts.end = true;
  if (dialect != Dialect::responses) return;
  if (type == "response.failed") facts.error = true;
  if (type == "response.completed" || type == "response.incomplete" || type == "response.failed")
    facts.end = facts.counts = true;
}

bool has_types(Dialect dialect) { return dialect == Dialect::responses || dialect == Dialect::anthropic; }

void note_key(LineFacts& facts, Dialect dialect, int depth, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (!facts.content && is_content(dialect, depth, key, value)) facts.content = true;
  if (depth == 1 && key == "error" && value[0] != 'n') facts.error = true;
  switch (dialect) {
    case Dialect::ollama:
      if (depth != 1) break;
      if (key == "done" && starts_with(value, "true")) facts.counts = facts.end = true;
      if (key == "remote_host" || key == "remote_model") facts.remote |= non_empty_string(value);
      break;
    case Dialect::llama_cpp:
      if (depth == 1 && key == "stop" && starts_with(value, "true")) facts.counts = facts.end = true;
      break;
    case Dialect::openai:
      if (depth == 1 && (key == "usage" || key == "timings") && value[0] == '{') facts.counts = true;
      break;
    case Dialect::responses:
      if (depth <= 2 && key == "usage" && value[0] == '{') facts.counts = true;
      break;
    case Dialect::anthropic:
      if (depth <= 2 && key == "usage" && value[0] == '{') (depth == 1 ? facts.counts : facts.opening) = true;
      break;
  }
  if (depth == 1 && key == "type" && has_types(dialect) && value[0] == '"')
    note_type(facts, dialect, value.substr(1, value.find('"', 1) - 1));
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
      opening_ = std::string();
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

unsigned StreamLines::finish() {
  const std::string text = std::move(tail_);
  tail_ = std::string();
  if (text.empty() || oversize_) return 0;
  const bool malformed_before = malformed_;
  const unsigned content = line(text) ? 1 : 0;
  malformed_ = malformed_before;  // the rest of a line that was cut is no line
  return content;
}

void StreamLines::gap() {
  in_gap_ = true;
  tail_.clear();
}

bool StreamLines::line(std::string_view text) {
  const bool maybe_cut = std::exchange(in_gap_, false);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (format_ == StreamFormat::sse) return sse_line(text, maybe_cut);
  text = trim_blanks(text);
  return !text.empty() && object(text, maybe_cut);
}

bool StreamLines::sse_line(std::string_view text, bool maybe_cut) {
  if (text.empty()) {
    event_ = LineFacts();
  } else if (starts_with(text, "event:")) {
    if (has_types(dialect_)) note_type(event_, dialect_, trim_blanks(text.substr(6)));
  } else if (starts_with(text, "error:")) {  // llama.cpp, before it sent errors as data
    error_ = true;
  }
  if (!starts_with(text, "data:")) return false;  // id:, retry:, comments
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
  if (facts.counts || event_.counts) final_.assign(json);
  if (facts.opening && json.size() <= kMaxOpeningBytes) opening_.assign(json);
  ended_ = ended_ || facts.end || event_.end;
  error_ = error_ || facts.error || event_.error;
  remote_ = remote_ || facts.remote;
  malformed_ = malformed_ || facts.malformed;
  return facts.content;
}

}  // namespace tegrascope
