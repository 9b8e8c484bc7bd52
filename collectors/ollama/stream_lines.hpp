// Follows a streamed answer (NDJSON lines or SSE events) while its payload passes. A cheap scan of each
// line's bytes decides what it is; no token is parsed as a JSON tree and only an incomplete line and the
// latest candidate for the final object are kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/ollama/routes.hpp"

namespace tegrascope {

// A line (one runner line is at most 8 MiB) or body beyond this is not kept: observation ends, bytes still
// pass.
inline constexpr std::size_t kMaxObservedBytes = 8 * 1024 * 1024;

// What a glance at one JSON object tells.
struct LineFacts {
  bool content = false;    // carries text, thinking, reasoning or tool calls
  bool counts = false;     // carries done:true or usage: the final object, if no later one comes
  bool end = false;        // the last object of the stream
  bool error = false;      // carries an error
  bool malformed = false;  // no JSON object, as far as a scan can tell
};
// Looks at the first 64 KiB of `json` at most (a final object with a long context stays cheap).
LineFacts glance_at_line(std::string_view json, Dialect dialect);

class StreamLines {
 public:
  StreamLines(StreamFormat format, Dialect dialect) : format_(format), dialect_(dialect) {}

  // The next piece of payload, cut anywhere. Returns how many lines with content it completed.
  unsigned feed(std::string_view payload);

  // Payload is missing here: the line it lay in counts for nothing.
  void gap();

  bool ended() const { return ended_; }       // done:true, [DONE], message_stop, response.completed
  bool error_seen() const { return error_; }  // {"error": ...} inside the stream
  bool malformed_seen() const { return malformed_; }
  bool oversize() const { return oversize_; }  // a line was too long: nothing more is observed
  // The latest object with counts; empty when none came.
  std::string take_final() { return std::move(final_); }

 private:
  bool line(std::string_view text);  // true: it carries content
  bool object(std::string_view json, bool maybe_cut);

  StreamFormat format_;
  Dialect dialect_;
  std::string tail_;  // an incomplete line
  std::string final_;
  bool in_gap_ = false;  // the next line may lack its beginning
  bool ended_ = false;
  bool error_ = false;
  bool malformed_ = false;
  bool oversize_ = false;
};

}  // namespace tegrascope
