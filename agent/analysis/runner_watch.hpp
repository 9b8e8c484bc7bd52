// Finds runners that died of something: gone from the list of processes while a request of theirs was under way that
// then failed. Needs no log. Pure; one thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/analysis/event_watch.hpp"
#include "agent/analysis/request_table.hpp"

namespace tegrascope {

class RunnerWatch {
 public:
  // A complete list of Ollama's processes, and the requests followed now. Gives the runners whose request has already
  // failed.
  std::vector<RunnerExit> see(const std::vector<ProcessReading>& processes,
                              const std::map<RequestId, LiveRequest>& live, MonotonicTime at);
  // A request ended. Gives its runner when that was seen to go before.
  std::vector<RunnerExit> see(const RequestEnded& ended);

 private:
  struct Runner {
    std::int64_t serve_pid = 0;
  };
  struct Gone {
    RunnerExit exit;
    ProcessId runner;
    MonotonicTime at{};
  };

  std::map<ProcessId, Runner> runners_;  // alive at the last list
  std::set<std::int64_t> serves_;        // likewise
  std::map<RequestId, Gone> gone_;       // runner gone, request still open
};

}  // namespace tegrascope
