// GET /slots of a runner that is a llama-server (Ollama 0.30 and later): what each of its slots is working on.
// Source: tools/server/README.md of llama.cpp. The runner answers between two batches, so an answer may take
// as long as a long prompt's batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/reading.hpp"
#include "collectors/ollama/outbound.hpp"

namespace tegrascope {

inline constexpr std::size_t kMaxSlots = 64;

struct Slot {
  std::int64_t id = 0;
  std::int64_t task = -1;  // number of the request within the runner; -1 none yet
  bool processing = false;
  std::uint64_t decoded = 0;  // tokens generated so far for the task
};

// Absent: not a list of slots.
std::optional<std::vector<Slot>> parse_slots(std::string_view body);

// One answer of one runner.
struct SlotsReading {
  ProcessId runner;
  std::vector<Slot> slots;
  std::string error;  // why the slots of this runner will not be asked for any more; empty: they were read
  MonotonicTime at{};
};

struct SlotsTarget {
  ProcessId runner;
  int port = 0;  // its --port, on 127.0.0.1
};

// Asks runners while they are targets, each again `interval` after its last answer. A runner that has no
// /slots (404, 501, no such JSON) or refuses connections for long (its network namespace is another one) is
// reported once with an error and never asked again. One that is just starting, still loads (503) or does not
// answer in time is asked again. Functions may be called from any thread; the sink runs on the outbound
// thread.
class SlotsPoller {
 public:
  using Sink = std::function<void(SlotsReading&&)>;

  // `outbound` must outlive this.
  SlotsPoller(Outbound& outbound, std::chrono::milliseconds interval, Sink sink);
  ~SlotsPoller();  // stops
  SlotsPoller(const SlotsPoller&) = delete;
  SlotsPoller& operator=(const SlotsPoller&) = delete;

  void set_targets(std::vector<SlotsTarget> targets);

  // When it returns, the sink is not running and will not be called again. Not from the sink.
  void stop();

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tegrascope
