// Counts loads that failed and runners that died, out of the events of a log. One failure is told by several
// lines; it counts once: until a runner is started again, or the request that it failed has its access line.
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <map>

#include "collectors/ollama/log/log_event.hpp"

namespace tegrascope {

class LogIncidents {
 public:
  // `told` is why the last load did not get the GPU as far as the text says (LogSummary::reason): it stands for
  // the reason where the event has only an exit status. Without `count` the event is only remembered.
  void add(const LogEvent& event, ReasonClass told, bool count);

  const std::map<ReasonClass, std::uint64_t>& load_failures() const { return load_failures_; }
  std::uint64_t runners_killed() const { return runners_killed_; }
  std::uint64_t runners_crashed() const { return runners_crashed_; }

 private:
  enum class Stage : std::uint8_t {
    unknown,
    loading,
    loaded,
    over  // the incident is counted, further lines tell of the same
  };
  void fail(ReasonClass reason, bool count);
  void die(ReasonClass reason, bool count);

  Stage stage_ = Stage::unknown;
  std::map<ReasonClass, std::uint64_t> load_failures_;
  std::uint64_t runners_killed_ = 0;
  std::uint64_t runners_crashed_ = 0;
};

}  // namespace tegrascope
