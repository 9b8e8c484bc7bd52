// What a relay in front of the virtual Ollama sees: each request and chunk a little off its true time, as the
// network and the scheduler of the machine make it, and the figures of the final object.
#pragma once

#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "agent/model/request.hpp"
#include "simulator/virtual/ollama.hpp"

namespace tegrascope::simulator {

struct SeenEvent {
  MonotonicTime at{};  // when the agent learns of it
  RequestEvent event;
};

class VirtualWitness : public JobWatcher {
 public:
  VirtualWitness(const VirtualScenario& scenario, std::uint64_t seed);

  void received(const Job& job, MonotonicTime at) override;
  void first_token(const Job& job, MonotonicTime at) override;
  void streaming(const Job& job, std::int64_t tokens, MonotonicTime at) override;
  void ended(const Job& job, MonotonicTime at) override;

  // Time of the next event to be seen; MonotonicTime::max() when there is none.
  MonotonicTime next_time() const;
  // What is seen up to and at t, in order of time.
  std::vector<SeenEvent> take_until(MonotonicTime t);

 private:
  struct Seen {
    std::optional<MonotonicTime> first;
    MonotonicTime last{};
    std::uint64_t chunks = 0;
  };
  struct Queued {
    std::uint64_t order;
    SeenEvent seen;
    bool operator>(const Queued& o) const {
      return seen.at != o.seen.at ? seen.at > o.seen.at : order > o.order;
    }
  };
  // Later than `at` by a random delay, but not before what was seen of the request before.
  MonotonicTime delayed(Seen& seen, MonotonicTime at);
  std::uint64_t chunks_of(const Job& job, std::int64_t tokens) const;
  void send(MonotonicTime at, RequestEvent event);
  Histogram gaps(Seen& seen, std::uint64_t chunks, MonotonicTime at) const;

  std::mt19937_64 random_;
  double jitter_seconds_;
  std::vector<TrafficGroup> traffic_;
  std::map<RequestId, Seen> seen_;
  std::priority_queue<Queued, std::vector<Queued>, std::greater<>> queue_;
  std::uint64_t next_order_ = 0;
};

// Route template of what a client calls.
const char* endpoint_of(Api api);

}  // namespace tegrascope::simulator
