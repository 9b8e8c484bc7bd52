// The last two minutes of a recording in memory, and what one needs to know to make sense of them. Pure; one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "agent/recording/recorder.hpp"

namespace tegrascope {

struct FlightRecorderOptions {
  Nanoseconds window = std::chrono::minutes(2);
  // Of all lines and what each costs beside its text. A busy Jetson makes about 3 MB in two minutes.
  std::size_t max_bytes = 8u << 20;
  std::size_t max_open_requests = 1024;  // older than the window and not ended
};

class FlightRecorder : public RecordKeeper {
 public:
  explicit FlightRecorder(FlightRecorderOptions options = {}) : options_(options) {}

  void keep(const RecordedLine& line) override;

  // A recording that begins with what was known when the window began: servers, the latest reading of everything,
  // requests under way.
  std::string text() const;

  std::size_t bytes() const { return bytes_; }
  std::size_t lines() const { return lines_.size(); }

 private:
  // Of a request that began before the window.
  struct Open {
    std::string started;
    std::string described;
    std::string progress;
  };

  void absorb(RecordedLine&& line);

  FlightRecorderOptions options_;
  std::deque<RecordedLine> lines_;
  std::size_t bytes_ = 0;

  std::string head_;
  std::string series_;
  std::string clock_;
  std::string servers_;
  std::string capture_;
  std::string relay_;
  std::string access_;
  std::string restored_;
  std::map<std::string, std::string> states_;   // by server
  std::map<std::string, std::string> logs_;     // by server
  std::map<std::string, std::string> batches_;  // by collector: the newest
  std::map<RequestId, Open> open_;
};

}  // namespace tegrascope
