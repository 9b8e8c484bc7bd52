// What a recording holds: everything that went into the analysis, in that order, and what came of it. The form on
// disk is docs/incidents.md's. No prompt, no answer, no client address: none of these types has room for one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "agent/analysis/analysis.hpp"
#include "agent/model/event.hpp"
#include "agent/model/gpu_access.hpp"
#include "agent/model/saved_state.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

inline constexpr int kRecordingVersion = 1;

// Of the agent that records; the first record of each of its runs.
struct RecordingHead {
  int version = kRecordingVersion;
  std::string program;      // version of the agent
  ClockReading clock;       // when the recording began
  AnalysisOptions options;  // those that the agent sets; the others are the replaying program's defaults
  bool partial = false;     // begins in mid-run (flight recorder): amounts are not those of the live agent
};

// Analysis::advance(at).
struct Advance {
  MonotonicTime at{};
  std::uint64_t dropped_events = 0;
};

// What earlier runs had taught the agent, taken in when it started.
struct RestoredState {
  LearnedState learned;
  MonotonicTime at{};
};

// What the live agent booked for a request.
struct BookedAnswer {
  RequestId id = 0;
  Placement placement = Placement::unknown;
  std::map<Phase, Amounts> amounts;
  friend bool operator==(const BookedAnswer&, const BookedAnswer&) = default;
};
BookedAnswer booked_answer(const RequestRecord& record);

// Records that the writer had to leave out because the disk was too slow.
struct LostRecords {
  std::uint64_t records = 0;
};

// The last record of a run that ended in order.
struct RecordingEnd {
  enum class Why : std::uint8_t { stopped, full };
  Why why = Why::stopped;
  MonotonicTime at{};
  LedgerView ledger;  // of the live agent
};

using ServersFound = std::vector<OllamaServer>;

using Record = std::variant<RecordingHead, ClockReading, ServersFound, ServerState, ServerLog, CaptureView,
                            RelayView, GpuAccess, SlotsSeen, RestoredState, Batch, RequestEvent, Advance,
                            BookedAnswer, Event, LostRecords, RecordingEnd>;

}  // namespace tegrascope
