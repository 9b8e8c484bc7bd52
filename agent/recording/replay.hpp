// The same analysis on what was recorded: what the live agent booked, told again. Pure but for the stream it reads.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/recording/record.hpp"

namespace tegrascope {

// One run of an agent.
struct ReplayedRun {
  RecordingHead head;
  std::vector<RequestRecord> requests;  // judged, in order of their end; with the amounts booked so far
  std::vector<Event> events;            // of this replay
  std::vector<Event> events_told;       // by the live agent
  SnapshotPtr last;                     // at the last record
  ClockReading began;                   // of the recording: its first step, where it begins in mid-run
  MonotonicTime ended{};
  bool balanced = true;             // the books, at every booking and at the end
  std::uint64_t lost = 0;           // records that the recording lacks
  std::optional<RecordingEnd> end;  // absent: the run did not end in order
  std::size_t compared = 0;         // requests that the live agent had booked
  std::size_t differing = 0;        // and that came out otherwise
  std::optional<bool> same_ledger;  // totals are the live agent's; absent: it did not tell them
};

struct Replay {
  std::vector<ReplayedRun> runs;
  std::vector<std::string> problems;  // one line each, with the number of the line; at most 20
  std::size_t problem_count = 0;
};

// Reads to the end whatever a line is like: those that cannot be understood are told of and left out. Throws
// RecordingError with `name` where there is nothing to replay: no recording at all, or one of a newer version.
// `follow` sees each record before the analysis does.
Replay replay(std::istream& in, const std::string& name,
              const std::function<void(const Record&)>& follow = nullptr);

// No problem, the books balance.
bool is_sound(const Replay& replay);

}  // namespace tegrascope
