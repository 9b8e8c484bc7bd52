// Witness `slots`: each task of a llama-server's slot is a request; its tokens are seen while they come, its
// client, route and prompt are not.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collectors/ollama/slots.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

// Names of a runner; empty: not known.
struct RunnerNames {
  std::function<std::string(const ProcessId&)> server;
  std::function<std::string(const ProcessId&)> model;
};

// Pure: no thread, no clock. All calls from one thread, on which the sink is called too.
//
// Events of a task: RequestStarted and RequestDescribed (with the runner) at the first reading that shows it
// at work, RequestProgress at each that shows more tokens, RequestEnded halfway between its last reading at
// work and the first without it, with the tokens seen (a lower bound: the last may have come between the two). Tasks that come and
// go between two readings are not seen. A runner that is gone or cannot be read any more ends its tasks as incomplete.
class SlotsWitness {
 public:
  SlotsWitness(RequestIds& ids, RequestSink sink, RunnerNames names);

  void observe(const SlotsReading& reading);
  // A complete list of processes: tasks of runners not in it have ended.
  void observe(const Batch& batch);

  // A task is at work there: go on reading its slots.
  bool busy(const ProcessId& runner) const;

 private:
  struct Task {
    RequestId id = 0;
    std::int64_t number = 0;
    MonotonicTime seen{};  // the last reading at work
    std::uint64_t decoded = 0;
    std::optional<MonotonicTime> first_content;
  };
  using Key = std::pair<ProcessId, std::int64_t>;  // runner, slot

  void start(const Key& key, const Slot& slot, MonotonicTime at);
  void follow(Task& task, const Slot& slot, MonotonicTime at);
  void end(std::map<Key, Task>::iterator it, MonotonicTime at, Outcome outcome);
  void end_runner(const ProcessId& runner);

  RequestIds& ids_;
  const RequestSink sink_;
  const RunnerNames names_;
  std::map<Key, Task> tasks_;
};

}  // namespace tegrascope
