// The tap in front of the analysis: each record goes as a line to those who keep it. Costs nothing while nobody does.
// One thread.
#pragma once

#include <string>
#include <vector>

#include "agent/recording/encoder.hpp"

namespace tegrascope {

// A line on its way, with what a keeper needs to know of it.
struct RecordedLine {
  enum class Kind : std::uint8_t {
    head,
    series,
    clock,
    servers,
    state,
    log,
    capture,
    relay,
    access,
    slots,
    restored,
    batch,
    started,
    described,
    progress,
    ended,
    advance,
    result  // what the analysis made of it
  };
  Kind kind{};
  MonotonicTime at{};
  std::string key;   // of state and log the server, of batch the collector
  RequestId id = 0;  // of started, described, progress, ended
  std::string text;  // with its newline; several lines for series
};

class RecordKeeper {
 public:
  virtual ~RecordKeeper() = default;
  virtual void keep(const RecordedLine& line) = 0;
};

class Recorder {
 public:
  // Keepers outlive the recorder, and get everything from begin() on.
  void add_keeper(RecordKeeper& keeper) { keepers_.push_back(&keeper); }
  bool on() const { return !keepers_.empty(); }

  void begin(const RecordingHead& head);
  void take(const ClockReading& clock);
  void take(const ServersFound& servers);
  void take(const ServerState& state);
  void take(const ServerLog& log);
  void take(const CaptureView& capture);
  void take(const RelayView& relay);  // only where it changed
  void take(const GpuAccess& access);
  void take(const SlotsSeen& slots);
  void take(const RestoredState& restored);
  void take(const Batch& batch);
  void take(const RequestEvent& event);
  void take(const Advance& advance);
  void take(const BookedAnswer& booked);
  void take(const Event& event);
  void take(const RecordingEnd& end);

 private:
  void keep(RecordedLine::Kind kind, std::string&& text, std::string key = {}, RequestId id = 0);

  std::vector<RecordKeeper*> keepers_;
  BatchEncoder batches_;
  MonotonicTime now_{};
  std::string last_relay_;
};

}  // namespace tegrascope
