// The agent on the virtual clock: what app/service.cpp does with the threads' messages, on one line of time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "agent/analysis/analysis.hpp"
#include "collectors/ollama/process_witness.hpp"
#include "collectors/ollama/slots_witness.hpp"
#include "collectors/slot_schedule.hpp"
#include "simulator/virtual/world.hpp"

namespace tegrascope::accuracy {

// What the agent may see.
enum class Sight : std::uint8_t {
  relay,         // requests by a relay; sensors, processes, polls
  unprivileged,  // no relay: busy runners, slots of a llama-server; sensors, processes, polls
  all            // all of these, Ollama's log, and whether GPU code is mapped into a runner
};

struct VirtualAgentOptions {
  AnalysisOptions analysis;
  Sight sight = Sight::relay;
  bool relayed = true;  // requests come through the relay, where there is one
  bool log_readable = true;
  Nanoseconds busy_interval = std::chrono::milliseconds(100);
  bool tell_averaging = true;
  MonotonicTime starts{};  // nothing is seen before
  std::uint64_t seed = 1;
  // After each snapshot, and for each request that was judged.
  std::function<void(const Snapshot&)> on_snapshot;
  std::function<void(const RequestRecord&)> on_judged;
};

class VirtualAgent {
 public:
  explicit VirtualAgent(VirtualAgentOptions options);

  // Added to the id of a request that the relay sees, so that other witnesses' ids differ.
  static constexpr RequestId kRelayed = RequestId{1} << 40;

  MonotonicTime next_time() const { return std::min({next_sample_, next_poll_, next_slots_}); }
  void step(simulator::VirtualWorld& world, MonotonicTime now,
            const std::vector<simulator::SeenEvent>& events);

  const Analysis& analysis() const { return analysis_; }
  // At every minute and now.
  bool balanced() const { return balanced_ && analysis_.attribution().ledger().balanced(); }
  double cpu_seconds() const { return cpu_seconds_; }  // inside the analysis

 private:
  std::vector<Batch> sample(simulator::VirtualWorld& world, MonotonicTime now);
  void witness(const std::vector<Batch>& batches);
  void read_slots(const simulator::VirtualWorld& world, MonotonicTime now);

  VirtualAgentOptions options_;
  Analysis analysis_;
  RequestIds ids_;
  ProcessWitness processes_;
  SlotsWitness slots_;
  SlotSchedule schedule_;
  PeriodSchedule slow_;
  MonotonicTime next_sample_{};
  MonotonicTime next_poll_{};
  MonotonicTime next_slots_ = MonotonicTime::max();
  MonotonicTime next_check_{};
  MonotonicTime next_log_{};
  ServerLog log_;
  std::map<ProcessId, std::pair<MonotonicTime, Nanoseconds>> runner_cpu_;  // at the last batch
  bool at_work_ = false;                                                   // a runner, at the last batch
  bool busy_ = false;
  bool balanced_ = true;
  double cpu_seconds_ = 0;
};

}  // namespace tegrascope::accuracy
