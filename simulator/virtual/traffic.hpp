// Draws what the clients of a scenario ask for, and when. Each group has random numbers of its own, so that
// the sampling rate or another group never changes what it asks.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "simulator/virtual/job.hpp"

namespace tegrascope::simulator {

class Traffic {
 public:
  Traffic(const VirtualScenario& scenario, std::uint64_t seed);

  struct Arrival {
    MonotonicTime at{};
    std::size_t group = 0;
  };
  // The first requests.
  std::vector<Arrival> begin();
  // The next arrival of a Poisson group after one at `at`; nothing of a group of users.
  std::optional<Arrival> after_arrival(std::size_t group, MonotonicTime at);
  // A user's next request after an answer at `at`; nothing of a Poisson group.
  std::optional<Arrival> after_answer(std::size_t group, MonotonicTime at);
  // A request of the group: what the client asked, with what the cache has of its prompt.
  Job draw(std::size_t group);

 private:
  struct Group {
    TrafficGroup asked;
    std::mt19937_64 random;
    std::int64_t sent = 0;
  };
  std::optional<Arrival> allowed(std::size_t group, MonotonicTime at);

  double lead_in_seconds_;
  double duration_seconds_;
  std::vector<Group> groups_;
};

}  // namespace tegrascope::simulator
