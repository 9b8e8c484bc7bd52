// A request on its way through the virtual Ollama, and the runners it goes through.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "agent/model/reading.hpp"
#include "simulator/batch.hpp"
#include "simulator/virtual/conditions.hpp"
#include "simulator/virtual/truth.hpp"

namespace tegrascope::simulator {

enum class Stage : std::uint8_t {
  waiting_for_model,
  loading,
  starting,
  waiting_for_slot,
  prefill,
  decode,
  ended
};

struct Job {
  VirtualRequest truth;
  std::size_t group = 0;
  Stage stage = Stage::waiting_for_model;
  std::int64_t wanted_output = 0;          // tokens until the end, or until the client leaves
  double own_cost = 1;                     // of its context in a decode pass, see batch.hpp
  double tokens_left = 0;                  // of the phase it is in
  double tokens_per_second = 0;            // now
  std::optional<MonotonicTime> completes;  // the phase it is in, if nothing else changes
  MonotonicTime phase_began{};
};

// A slot of a llama-server. At rest it keeps the figures of its last task.
struct VirtualSlot {
  const Job* job = nullptr;
  std::int64_t task = -1;
  std::uint64_t decoded = 0;  // of the last task
};

struct VirtualRunner {
  const SimulatedModel* model = nullptr;
  RunnerSetup setup;
  RunnerSpeed speed;
  ProcessId id;
  bool ready = false;
  bool leaving = false;      // no new request gets in
  std::vector<Job*> active;  // in a slot
  std::deque<Job*> waiting;  // for a slot
  std::vector<VirtualSlot> slots;
  double cpu_seconds = 0;
  MonotonicTime idle_since{};

  bool idle() const { return active.empty() && waiting.empty(); }
};

}  // namespace tegrascope::simulator
