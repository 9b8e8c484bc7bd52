// The line of /proc/PID/stat (proc(5)). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/model/time.hpp"

namespace tegrascope {

struct ProcessStat {
  std::string_view comm;             // field 2, without its parentheses; at most 15 characters, any character
  char state = '?';                  // field 3; Z and X: dead
  std::int64_t parent_pid = 0;       // field 4
  std::uint64_t cpu_ticks = 0;       // fields 14 + 15: user and system, all threads
  std::uint64_t start_ticks = 0;     // field 22, since boot
  std::uint64_t virtual_bytes = 0;   // field 23
  std::uint64_t resident_pages = 0;  // field 24
};

// Nothing when the text is no such line. `comm` points into `text`.
std::optional<ProcessStat> parse_process_stat(std::string_view text);

// Clock ticks of USER_HZ (sysconf(_SC_CLK_TCK), 100 on every Jetson) as time.
Nanoseconds from_ticks(std::uint64_t ticks);

}  // namespace tegrascope
