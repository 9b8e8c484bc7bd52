// Lines of an Ollama server's log, of all versions, into events. Pure; one thread at a time; never throws on
// any bytes; linear in the length of a line.
//
// Forms understood, anywhere in a line and behind any prefix (journald, docker compose, syslog): the plain
// prints of 0.1.x, log/slog, GIN's access lines, the C++ runner's JSON and text lines, llama.cpp's prints;
// more than one may stand in a line, since C text without newline glues to what follows. Text within the
// quotes of a log/slog attribute is never taken for a line: it may be a prompt.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/log/log_event.hpp"
#include "collectors/ollama/log/log_text.hpp"

namespace tegrascope {

class LogDecoder {
 public:
  using Sink = std::function<void(LogEvent&&)>;

  // `line` without its end; see LogLines.
  void decode(std::string_view line, const Sink& sink);

 private:
  void decode_slog(const SlogLine& line, const Sink& sink);
  void decode_runner_json(std::string_view json, const Sink& sink);
  void decode_c_text(std::string_view text, const Sink& sink);
  // Messages that are slog's in newer versions and plain prints in older ones. True when it was one.
  bool decode_message(std::string_view text, const Sink& sink);
  bool decode_buffer(std::string_view text, const Sink& sink);
  bool decode_slot(std::string_view text, const Sink& sink);
  bool decode_timing(std::string_view text, std::optional<std::int64_t> slot,
                     std::optional<std::int64_t> task, const Sink& sink) const;
  void send(LogBuffer&& buffer, const Sink& sink);
  void send(LogLoadStarted&& started, const Sink& sink);
  void send(LogLoadFailed&& failed, const Sink& sink);
  void send_plan(LogPlan&& plan, const Sink& sink);
  void send_server_config(std::string_view environment, const Sink& sink);

  std::vector<std::string> devices_;  // GPUs in the buffers of the current load
  bool attempt_failed_ = false;       // a runner of this load died; the next start is its fallback
  bool searches_cuda_ = false;        // the library search that "discovered GPU libraries" answers
  std::string evaluated_library_;     // "msg=evaluating library=cpu" stands before "offload to gpu"
  std::optional<std::int64_t> slot_;  // of the last "slot print_timing"; its figures are lines of their own
  std::optional<std::int64_t> task_;
};

// How a buffer's device computes: a GPU, the CPU, or memory of the host that a GPU reads.
enum class BufferPlace : std::uint8_t { gpu, cpu, host };
BufferPlace buffer_place(std::string_view device);

}  // namespace tegrascope
