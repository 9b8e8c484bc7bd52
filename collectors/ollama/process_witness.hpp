// Witness `process`: a runner's busy spell, told from its CPU time alone, is a request of unknown kind. Needs
// nothing but /proc; sees no tokens, no phases and no client.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"
#include "collectors/ollama/witness.hpp"

namespace tegrascope {

struct ProcessWitnessOptions {
  double start_cores = 0.10;                     // CPU seconds per second that begin a spell ...
  std::chrono::milliseconds start_window{300};   // ... over at least this long
  double end_cores = 0.05;                       // below this a runner is idle ...
  std::chrono::milliseconds end_window{500};     // ... once it stays so for at least this long
  std::chrono::milliseconds shortest{300};       // a shorter spell, from sample to sample, is none
  std::chrono::milliseconds cpu_resolution{10};  // one clock tick: the step of CPU time in /proc/PID/stat
};

// Pure: no thread, no clock. All calls from one thread, on which the sink is called too.
//
// Events of a spell: RequestStarted once it is certain, `at` being the last sample at which the runner was
// idle, so up to a second in the past; RequestDescribed with the runner, at once when its model is known,
// else as soon as it is and at the latest just before the end (during its load /api/ps does not list a
// model); RequestEnded at the last sample at which it was busy, or with Outcome::incomplete at its last
// sample when the runner is gone. Spells with a shorter pause between them than end_window are one. Nothing
// is ever taken back. A runner that was not in the previous complete list was idle then: its load belongs to
// its first spell.
class ProcessWitness {
 public:
  ProcessWitness(RequestIds& ids, RequestSink sink, ProcessWitnessOptions options = {});

  // Batches of other collectors are ignored.
  void observe(const Batch& batch);

  // All servers known now. A runner's server is the one with its serve_pid; when no serve_pid is known on one
  // of both sides, or the server's is gone while the runner's lives (Ollama was started anew), the only server; else
  // "unknown".
  void set_servers(std::vector<OllamaServer> servers);

  // What is resident. The blob of a model is remembered for its next load; states that are not up change
  // nothing.
  void set_state(const ServerState& state);

  // Runners in a spell whose start was reported, ordered.
  std::vector<ProcessId> busy_runners() const;

  // Names of a runner among those seen; empty when not known.
  std::string server_name(const ProcessId& runner) const;
  std::string model_name(const ProcessId& runner) const;

  // Ends every spell as incomplete, at its runner's last sample: the agent stops, or the collector fell
  // silent.
  void finish();

 private:
  struct Sample {
    MonotonicTime at;
    Nanoseconds cpu;
  };
  struct Spell {
    MonotonicTime started{};
    MonotonicTime last_busy{};
    RequestId id = 0;  // 0 until it is certain
    bool described = false;
  };
  struct Runner {
    std::string model_blob;
    std::int64_t serve_pid = 0;
    std::deque<Sample> samples;  // oldest first; as far back as the windows reach
    std::optional<Spell> spell;
  };
  using Runners = std::map<ProcessId, Runner>;

  void take(const ProcessReading& reading);
  void add_sample(Runner& runner, Sample sample) const;
  void look_for_start(Runners::value_type& entry);
  void follow(Runners::value_type& entry);
  void confirm(Runners::value_type& entry);
  void describe(Runners::value_type& entry, bool last_chance);
  void end(Runners::value_type& entry, MonotonicTime at, Outcome outcome);
  void drop_missing(const Batch& batch);

  std::optional<std::size_t> window_begin(const Runner& runner, Nanoseconds length) const;
  std::size_t quiet_since(const Runner& runner) const;
  bool idle_between(const Sample& from, const Sample& to) const;
  const OllamaServer* server_of(const Runner& runner) const;
  std::string model_of(const Runner& runner) const;

  RequestIds& ids_;
  const RequestSink sink_;
  const ProcessWitnessOptions options_;
  Runners runners_;
  std::set<std::int64_t> serves_;           // pids of `ollama serve` in that list
  std::optional<MonotonicTime> last_list_;  // when the latest complete list was read
  std::vector<OllamaServer> servers_;
  std::map<std::string, std::vector<ResidentModel>> resident_;               // by server name
  std::map<std::string, std::map<std::string, std::string>> model_by_blob_;  // by server name
};

}  // namespace tegrascope
