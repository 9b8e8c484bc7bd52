// The virtual Ollama: queue, loads, evictions, parallel slots, prompt cache, from event to event. Nothing here
// waits: time is a number.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "agent/model/ollama.hpp"
#include "agent/model/server_log.hpp"
#include "simulator/virtual/traffic.hpp"
#include "simulator/virtual/workload.hpp"

namespace tegrascope::simulator {

// What happens to a request, for whoever watches.
class JobWatcher {
 public:
  virtual ~JobWatcher() = default;
  virtual void received(const Job& job, MonotonicTime at) = 0;
  virtual void first_token(const Job& job, MonotonicTime at) = 0;
  // A few times a second while it streams; `tokens` so far.
  virtual void streaming(const Job& job, std::int64_t tokens, MonotonicTime at) = 0;
  virtual void ended(const Job& job, MonotonicTime at) = 0;
};

struct RunnerSlots {
  ProcessId runner;
  struct Slot {
    std::int64_t id = 0;
    std::int64_t task = -1;
    bool processing = false;
    std::uint64_t decoded = 0;
  };
  std::vector<Slot> slots;
};

class VirtualOllama {
 public:
  VirtualOllama(const VirtualScenario& scenario, std::uint64_t seed, JobWatcher& watcher);

  // Time of the next event; there always is one.
  MonotonicTime next_time() const;
  // Lets everything happen up to and at t. Times only grow.
  void advance(MonotonicTime t);
  // No request is in flight and none will come.
  bool over() const { return arrivals_ == 0 && jobs_.empty(); }

  // Books everything up to the last advance(); at the end.
  void close_books() { workload_.close(now_); }

  Workload& workload() { return workload_; }
  const Workload& workload() const { return workload_; }
  ServerState state(MonotonicTime at) const;
  // What its log has told of the last load; nothing of requests.
  ServerLog log() const;
  // GET /slots of its runners; empty: they have none.
  std::vector<RunnerSlots> slots() const;
  const BoardCondition& board() const { return conditions_.board(); }
  // Serve and runners. CPU times as /proc shows them, in whole ticks of 10 ms.
  std::vector<ProcessReading> processes(MonotonicTime at) const;

 private:
  enum class Kind : std::uint8_t {
    arrival,
    started,
    evicted,
    loaded,
    expiry,
    progress,
    foreign,
    change,
    tick
  };
  struct Event {
    MonotonicTime at{};
    std::uint64_t order = 0;  // of those at one time the one that was set first
    Kind kind{};
    std::uint64_t what = 0;  // group, request, pid, foreign job or change
    std::string model;
    bool operator>(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
  };

  void schedule(MonotonicTime at, Kind kind, std::uint64_t what = 0, std::string model = "");
  void handle(const Event& event);
  void arrive(std::size_t group);
  void enter(Job& job);
  void started(Job& job);
  void begin_load();
  void evict_for(const SimulatedModel& model);
  void loaded(const std::string& model, std::uint64_t pid);
  void change(const ScenarioChange& change);
  void kill_runner(const std::string& model);
  void restart_ollama();
  void fail(Job& job);
  std::int64_t decoded(const Job& job) const;
  void fill_slots(VirtualRunner& runner);
  void begin_prefill(Job& job);
  void complete(Job& job);
  void end(Job& job);
  void leave_idle(VirtualRunner& runner);
  void expire(const std::string& model);
  VirtualRunner& add_runner(const SimulatedModel& model);
  VirtualRunner* runner_of(const Job& job);
  Job* job_of(RequestId id);
  double free_memory() const;
  void recompose();

  const VirtualScenario scenario_;
  JobWatcher& watcher_;
  Traffic traffic_;
  VirtualConditions conditions_;
  Workload workload_;
  std::mt19937_64 random_;
  MonotonicTime now_{};
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_order_ = 0;
  std::size_t arrivals_ = 0;  // scheduled
  RequestId next_id_ = 1;
  std::int64_t next_pid_ = 2214;
  ProcessId serve_{1040, 9000};
  double serve_cpu_at_start_ = 0;
  ServerLog log_;
  std::map<RequestId, std::unique_ptr<Job>> jobs_;
  Workload::Runners runners_;  // by model, with those that load
  std::list<Job*> wanting_;    // wait for their model, in order of arrival
  Job* loader_ = nullptr;      // whose model is being read
  bool evicting_ = false;
  std::vector<const ForeignJob*> foreign_;  // under way
};

}  // namespace tegrascope::simulator
