// One reading of every sensor of the board, each with where it came from, and everything that is absent with the
// reason.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/app/config.hpp"
#include "agent/app/reading_sources.hpp"
#include "agent/model/reading.hpp"

namespace tegrascope {

enum class CollectorState : std::uint8_t {
  ok,       // everything that it found was read; what is powered off has no value and is no fault
  partial,  // some of it could not be read
  failed,   // nothing could be read
  absent,   // the board has no such hardware
  off       // did not run
};
std::string_view to_string(CollectorState state);

struct SignalReport {
  Reading reading;
  std::vector<Source> sources;  // all that it is made of
};

struct ProcessReport {
  ProcessReading process;
  std::vector<Source> sources;
};

// Something that has no value, and why: a word of ErrorReason, or
//   hardware  the board has none
//   none      no file of this board tells it, or the file is there and tells of none (no swap)
struct Absence {
  std::optional<Signal> signal;  // empty: not known
  std::string instance;          // empty: all, or not known
  std::string path;              // empty: there is no file
  std::string reason;
  std::string detail;
  std::string grant;   // reason permission: how to grant it
  std::string kind{};  // one kind of the signal only (Reading::kind); empty: all
};

struct CollectorReport {
  std::string name;
  CollectorState state = CollectorState::off;
  std::string reason;  // why absent or off
  Nanoseconds took{};  // one read of all that it found
  std::vector<SignalReport> signals;
  std::vector<ProcessReport> processes;
  std::vector<Absence> absent;
};

struct BoardReport {
  BoardIdentity board;
  std::vector<ReadError> board_errors;      // files of the identity that could not be read
  std::vector<CollectorReport> collectors;  // every one of the registry, in its order
};

// Each collector reads twice, a quarter of a second apart, because some tell what happened since the read before; the
// second counts. Every read is under a deadline: a file that hangs is left out with reason timeout (deadline_read.hpp),
// so this returns within two seconds. One collector reads at a time, unless one hangs. With `only`, the others are
// off. Any thread; waits.
BoardReport read_board_report(const Config& config, const std::set<std::string>& only = {});

// True when nothing of the board was read; what the program knows of itself does not count.
bool is_empty(const BoardReport& report);

}  // namespace tegrascope
