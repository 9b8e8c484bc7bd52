// Follows each request from its events: counters of its model, and its way into the attribution. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/analysis/model_table.hpp"
#include "agent/analysis/residency.hpp"
#include "agent/attribution/attribution.hpp"
#include "agent/model/request.hpp"

namespace tegrascope {

struct LiveRequest {
  RequestStarted started;
  std::string model_name;  // as Ollama resolves it; empty until described
  ModelKey key;            // the labels it is counted under
  bool streamed = false;
  bool remote = false;            // a cloud model: nothing of the board is booked to it
  bool suspended = false;         // the machine slept in the middle of it
  std::optional<int> gpu_layers;  // asked for by the client
  std::optional<ProcessReading> runner;
  std::optional<MonotonicTime> first_content;
  std::optional<RequestEnded> ended;
  std::uint64_t chunks = 0;
  std::uint64_t counted_output = 0;  // tokens already in the model's counter
  Nanoseconds counted_decode{};      // decode time already in the model's counter

  std::optional<ProcessId> runner_id() const { return runner ? std::optional(runner->id) : std::nullopt; }
  bool exact() const { return started.witness <= Witness::capture; }
  // Its witness tells its route, its status and when it ended.
  bool named() const { return exact() || started.witness == Witness::log; }
};

// What its witness has seen of it so far.
ObservedRequest observed(const LiveRequest& request);

class RequestTable {
 public:
  RequestTable(Attribution& attribution, ModelTable& models, const Residency& residency);

  void add(const RequestEvent& event);
  // Runners came or went, or a poll told more: finds the runner of requests that have none.
  void find_runners();

  const std::map<RequestId, LiveRequest>& live() const { return live_; }
  LiveRequest* find(RequestId id);
  void forget(RequestId id) { live_.erase(id); }
  // The machine slept, at some time after `since`.
  void mark_suspended(MonotonicTime since);
  // Takes a request back that turned out to be another one's second sighting.
  void withdraw(RequestId id);

  // A request not ended, on `server`, seen by an exact witness. Remote ones keep no runner busy.
  bool exact_open_on(const std::string& server) const;

  const std::map<std::string, std::uint64_t>& observation_errors() const { return observation_errors_; }
  void count_error(const std::string& reason) { ++observation_errors_[reason]; }

 private:
  void on(const RequestStarted& event);
  void on(const RequestDescribed& event);
  void on(const RequestProgress& event);
  void on(const RequestEnded& event);
  void name_by_runner(LiveRequest& request) const;
  void relabel(RequestId id, LiveRequest& request);
  void set_remote(LiveRequest& request, bool remote);
  void count_stream(LiveRequest& request, MonotonicTime at, std::uint64_t chunks, const Histogram& gaps,
                    std::optional<MonotonicTime> first_content);
  void count_end(LiveRequest& request, const RequestEnded& event);
  void find_runner(RequestId id, LiveRequest& request);

  Attribution& attribution_;
  ModelTable& models_;
  const Residency& residency_;
  std::map<RequestId, LiveRequest> live_;
  std::map<std::string, std::uint64_t> observation_errors_;
};

}  // namespace tegrascope
