// The text forms that lines of an Ollama log come in. Pure; any thread; never throws on any bytes; linear in
// the length of the line.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/time.hpp"

namespace tegrascope {

// Cuts bytes into lines at \n and \r, bounded: what exceeds kMaxLineBytes of a line is dropped.
class LogLines {
 public:
  static constexpr std::size_t kMaxLineBytes = 64 * 1024;
  using Sink = std::function<void(std::string_view line)>;

  // Calls `sink` for every complete line that is not empty.
  void feed(std::string_view bytes, const Sink& sink);
  // The end of the input: what is left is a line too.
  void finish(const Sink& sink);
  // The line begun will not be continued.
  void forget() { line_.clear(); }

 private:
  void append(std::string_view bytes);
  std::string line_;
};

// The server's own text of a line: taken out of a JSON line of docker ({"log":"...","stream":...}) or of
// `journalctl -o json` ("MESSAGE":"..."), without colour codes.
std::string plain_log_text(std::string_view line);

// A line of log/slog: time=... level=INFO source=x.go:1 msg="..." key=value "other key"="..."
struct SlogLine {
  std::string_view message;  // still with Go's escapes
  std::vector<std::pair<std::string_view, std::string_view>> attributes;

  // Empty when absent.
  std::string_view operator[](std::string_view key) const;
};

// Where the slog part of a line begins: C text without newline may stand before it. npos when there is none.
// 0.1.22 and later; the first lines of a server carry "INFO" and no keys, as text() of split_log_line.
std::size_t find_slog(std::string_view text);
SlogLine parse_slog(std::string_view text);

// "61.4 GiB", "512.0 MiB", "0 B", as Ollama prints sizes.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

// Go's duration: "24.929µs", "1.7s", "2m48s", "4h27m55s". The µ may be broken.
std::optional<Nanoseconds> parse_go_duration(std::string_view text);

// The integer or decimal number at the beginning of `text`, blanks before it skipped.
std::optional<std::int64_t> leading_integer(std::string_view text);
std::optional<double> leading_number(std::string_view text);

// The same behind the first `key` in `text`.
std::optional<std::int64_t> integer_after(std::string_view text, std::string_view key);
std::optional<double> number_after(std::string_view text, std::string_view key);

}  // namespace tegrascope
