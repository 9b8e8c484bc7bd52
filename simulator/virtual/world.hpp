// A board, an Ollama, its clients and a witness on a virtual clock: what `tegrascope simulate` runs and
// compares the agent with. The same seed gives the same world, whatever the sampling rate; the agent's
// answers never change it.
#pragma once

#include "simulator/virtual/sensors.hpp"
#include "simulator/virtual/witness.hpp"

namespace tegrascope::simulator {

class VirtualWorld {
 public:
  VirtualWorld(const VirtualScenario& scenario, std::uint64_t seed)
      : witness_(scenario, seed), ollama_(scenario, seed, witness_), sensors_(scenario, seed) {}

  // Of the next thing that happens or is seen.
  MonotonicTime next_time() const { return std::min(ollama_.next_time(), witness_.next_time()); }
  // Lets time pass up to t; what the witness saw meanwhile.
  std::vector<SeenEvent> advance(MonotonicTime t) {
    ollama_.advance(t);
    sensors_.advance(ollama_.workload().history());
    ollama_.workload().forget_before(t - std::chrono::seconds{1});
    return witness_.take_until(t);
  }
  // The sensors at the time of the last advance().
  std::vector<Batch> sample(MonotonicTime now, bool slow) { return sensors_.sample(ollama_, now, slow); }
  ServerState state(MonotonicTime now) const { return ollama_.state(now); }
  ServerLog log() const { return ollama_.log(); }
  std::vector<RunnerSlots> slots() const { return ollama_.slots(); }

  // No request is in flight, none will come and the witness has told everything.
  bool over() const { return ollama_.over() && witness_.next_time() == MonotonicTime::max(); }
  // Up to the last advance(); at the end.
  const VirtualTruth& truth() {
    ollama_.close_books();
    return ollama_.workload().truth();
  }

 private:
  VirtualWitness witness_;
  VirtualOllama ollama_;
  VirtualSensors sensors_;
};

}  // namespace tegrascope::simulator
