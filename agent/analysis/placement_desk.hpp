// Gathers the evidence of each decode and keeps a tracker for each model: what the analysis knows, put before the
// judge. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/analysis/board_watch.hpp"
#include "agent/analysis/model_table.hpp"
#include "agent/analysis/request_table.hpp"
#include "agent/analysis/runner_work.hpp"
#include "agent/attribution/attribution.hpp"
#include "agent/model/server_log.hpp"
#include "agent/placement/rate_history.hpp"
#include "agent/placement/tracker.hpp"

namespace tegrascope {

struct PlacementDeskOptions {
  PlacementThresholds limits;
  int cores = 1;                    // of the board: threads of a runner that does not tell
  std::optional<bool> gpu_present;  // absent: not known
};

// What the desk looks at; all of it must outlive it.
struct PlacementSources {
  const Attribution& attribution;
  const Residency& residency;
  const RequestTable& requests;
  const ModelTable& models;
  const std::map<std::string, ServerLog>& logs;  // by server
  const std::map<std::int64_t, std::uint64_t>&
      gpu_memory;  // pid -> bytes on GPUs, as the driver lists it now
};

class PlacementDesk {
 public:
  PlacementDesk(const PlacementDeskOptions& options, const PlacementSources& sources)
      : options_(options), sources_(sources) {}

  BoardWatch& board() { return board_; }
  // The runner's slots are read: its decodes are seen there, so a busy spell that is none of theirs is no decode.
  void note_slots(const ProcessId& runner) { slotted_.insert(runner); }

  // The requests have changed: before judge_finished().
  void see_requests() { work_.see(sources_.requests.live()); }
  // Verdict on a request whose evidence is complete.
  Verdict judge_finished(const LiveRequest& request, const Attribution::Finished& finished);
  // Once a second at most: answers that still run, models that have just been loaded, models that are gone.
  void look(MonotonicTime now);

  const PlacementTracker* tracker(const ModelKey& key) const;
  const std::map<ModelKey, PlacementTracker>& trackers() const { return trackers_; }
  // What was learned of decodes on the GPU, for the next run and from an earlier one.
  void save_history(std::vector<LearnedSeries>& out) const { history_.save(out); }
  void restore_history(const std::vector<LearnedSeries>& series) { history_.restore(series); }
  // A model that is shown no longer.
  void forget(const ModelKey& key);
  // The CPU was not asked for, as far as the last verdict knows.
  bool gpu_expected(const ModelKey& key) const;

 private:
  Evidence evidence_for(const LiveRequest& request, MonotonicTime begin, MonotonicTime end) const;
  void add_physical(const LiveRequest& request, MonotonicTime begin, MonotonicTime end, Evidence& e) const;
  void add_declared(const std::string& server, const std::string& model,
                    const std::optional<ProcessReading>& runner, Evidence& e) const;
  void add_circumstances(const LiveRequest& request, MonotonicTime begin, MonotonicTime end,
                         Evidence& e) const;
  RateKey rate_key(const LiveRequest& request) const;
  void add_history(const LiveRequest& request, const Attribution::Finished& finished, Evidence& e) const;
  void learn(const LiveRequest& request, const Attribution::Finished& finished, const Verdict& verdict);
  void look_at_running(MonotonicTime now);
  void look_at_loaded(MonotonicTime now);
  bool is_newest(const ProcessReading& runner) const;
  // Only a prompt, embeddings, or a part of a request that another record stands for.
  bool is_no_decode(const LiveRequest& request) const;
  PlacementTracker& tracker_of(const ModelKey& key);
  bool is_asked_for_cpu(const ModelKey& key, const ProcessId& runner) const;
  void note_asked(const ModelKey& key, bool cpu, const std::optional<ProcessId>& runner);

  PlacementDeskOptions options_;
  PlacementSources sources_;
  BoardWatch board_;
  RunnerWork work_;
  RateHistory history_;
  std::map<ModelKey, PlacementTracker> trackers_;
  struct Asked {
    bool cpu = false;
    std::optional<ProcessId> runner;  // that was started so
  };
  std::map<ModelKey, Asked> cpu_asked_for_;
  std::map<ModelKey, int> power_modes_;  // at the last request
  std::set<ProcessId> slotted_;
  std::set<ProcessId> decoded_;  // runners that a request was judged on
  std::optional<MonotonicTime> looked_;
};

}  // namespace tegrascope
