// The texts of the simulated board's files that change, in the form the kernel of L4T R36.4.4 writes them.
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "simulator/board.hpp"

namespace tegrascope::simulator {

inline constexpr std::uint64_t kMemoryTotalKb = 7803436;  // 7620 MB as tegrastats prints it
inline constexpr std::uint64_t kZramKb = 650284;          // each of six
inline constexpr std::uint64_t kSwapFileKb = 8388604;

struct MemoryUse {  // kB
  std::uint64_t free = 0, available = 0, buffers = 0, cached = 0, anonymous = 0, gpu = 0, mapped = 0;
  std::uint64_t swap_free = 0;
  std::uint64_t used() const { return kMemoryTotalKb - free - buffers - cached; }
};
MemoryUse memory_use(const BoardState& state);

std::string proc_stat_text(const BoardState& state, std::int64_t boot_time_unix);
std::string meminfo_text(const MemoryUse& memory);
std::string swaps_text();
std::string uptime_text(const BoardState& state);
std::string loadavg_text(const BoardState& state);

// What /proc/PID/stat, statm and status show of one process.
struct ProcessFigures {
  std::int64_t pid = 0;
  std::int64_t parent = 0;
  std::string comm;  // at most 15 characters
  char state = 'S';
  double user_seconds = 0;
  double system_seconds = 0;
  int threads = 1;
  std::uint64_t start_ticks = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t anonymous_bytes = 0;
  int uid = 0;
};
std::string pid_stat_text(const ProcessFigures& process);
std::string pid_statm_text(const ProcessFigures& process);
std::string pid_status_text(const ProcessFigures& process);

// A line of tegrastats, without root: no EMC, no engines, no GPU clock. CPU percentages and the rails' second
// figure (the mean since tegrastats started) are taken between `since` and `now`; `start` is the state at its
// start.
class TegrastatsLine {
 public:
  explicit TegrastatsLine(const BoardState& start);
  // `wall` is local time. Call at a steady pace: percentages cover the time since the last call but at least
  // 0.5 s.
  std::string next(const BoardState& state, std::chrono::system_clock::time_point wall);

 private:
  BoardState before_;
  std::array<int, kBoardCores> percent_{};
  std::array<double, 3> milliwatt_sum_{};
  std::uint64_t lines_ = 0;
};

}  // namespace tegrascope::simulator
