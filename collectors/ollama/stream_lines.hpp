// Follows a streamed answer (NDJSON lines or SSE events) while its payload passes. A cheap scan of each
// line's bytes decides what it is; no token is parsed as a JSON tree and only an incomplete line and the
// latest candidate for the final object are kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/ollama/routes.hpp"

namespace tegrascope {

// A line (one runner line is at most 8 MiB) or body beyond this is not kept: observation ends, bytes still
// pass.
inline constexpr std::size_t kMaxObservedBytes = 8 * 1024 * 1024;

// What a glance at one JSON object tells.
struct LineFacts {
  bool content = false;    // carries text, thinking, reasoning or tool calls
  bool counts = false;     // carries done:true, usage or timings: the final object, if no later one comes
  bool opening = false;    // Anthropic's message_start: tokens of the prompt, before any content
  bool end = false;        // the last object of the stream
  bool error = false;      // carries an error
  bool remote = false;     // names the remote host that computed it (Ollama's cloud models)
  bool malformed = false;  // no JSON object, as far as a scan can tell
};
// Looks at the first 64 KiB of `json` at most (a final object with a long context stays cheap).
LineFacts glance_at_line(std::string_view json, Dialect dialect);

class StreamLines {
 public:
  StreamLines(StreamFormat format, Dialect dialect) : format_(format), dialect_(dialect) {}

  // The next piece of payload, cut anywhere. Returns how many lines with content it completed.
  unsigned feed(std::string_view payload);
  // The answer is complete: a last line may lack its newline. Returns 1 when it carries content.
  unsigned finish();

  // Payload is missing here: the line it lay in counts for nothing.
  void gap();

  bool ended() const { return ended_; }  // done:true, [DONE], message_stop, response.completed, stop:true
  bool error_seen() const { return error_; }  // {"error": ...} inside the stream
  bool remote_seen() const { return remote_; }
  bool malformed_seen() const { return malformed_; }
  bool oversize() const { return oversize_; }  // a line was too long: nothing more is observed
  // The latest object with counts; empty when none came.
  std::string take_final() { return std::move(final_); }
  // The opening object; empty when none came.
  std::string take_opening() { return std::move(opening_); }

 private:
  bool line(std::string_view text);  // true: it carries content
  bool sse_line(std::string_view text, bool maybe_cut);
  bool object(std::string_view json, bool maybe_cut);

  StreamFormat format_;
  Dialect dialect_;
  std::string tail_;  // an incomplete line
  std::string final_;
  std::string opening_;
  LineFacts event_;      // what the event's own line tells of the data that follows
  bool in_gap_ = false;  // the next line may lack its beginning
  bool ended_ = false;
  bool error_ = false;
  bool remote_ = false;
  bool malformed_ = false;
  bool oversize_ = false;
};

}  // namespace tegrascope
