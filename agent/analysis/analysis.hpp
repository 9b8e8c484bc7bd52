// Understanding, as one object: readings, request events and server states with their times go in, snapshots
// come out. Pure: no thread, file, socket or clock, so hours of simulated time pass in seconds. One thread at
// a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/analysis/event_watch.hpp"
#include "agent/analysis/model_table.hpp"
#include "agent/analysis/placement_desk.hpp"
#include "agent/analysis/request_table.hpp"
#include "agent/analysis/residency.hpp"
#include "agent/analysis/runner_watch.hpp"
#include "agent/analysis/timeline.hpp"
#include "agent/analysis/witness_merge.hpp"
#include "agent/attribution/attribution.hpp"
#include "agent/model/gpu_access.hpp"
#include "agent/model/snapshot.hpp"
#include "agent/placement/reasons.hpp"

namespace tegrascope {

struct AnalysisOptions {
  AttributionOptions attribution;
  PlacementThresholds placement;
  std::size_t model_cap = 16;
  std::optional<BoardIdentity> board;
  std::optional<bool> gpu_present;  // absent: not known
  // Called from advance() with each request whose amounts are final, once.
  std::function<void(const RequestRecord&)> on_booked;
};

class Analysis {
 public:
  explicit Analysis(const AnalysisOptions& options);

  void add(const Batch& batch);
  void add(const RequestEvent& event);
  void add(const ServerState& state);
  void add(const CaptureView& capture) { capture_ = capture; }
  void add(const std::vector<OllamaServer>& servers);  // all that are watched now
  // Gives events their wall-clock time, and finds out that the machine was suspended: requests under way then are
  // marked, their amounts are those of the time in which it ran.
  void add(const ClockReading& clock);
  void add(const ServerLog& log);
  void add(const SlotsSeen& slots) { desk_.note_slots(slots.runner); }
  void add(const GpuAccess& access) { gpu_access_ = access; }
  // The server's log is read (witness log).
  void set_log_followed(const std::string& server, bool followed) {
    merge_.set_log_followed(server, followed);
  }
  void add(const RelayView& relay) { relay_ = relay; }
  void set_outlets(std::optional<WebHookView> web_hook, std::optional<IncidentsView> incidents) {
    web_hook_ = web_hook;
    incidents_ = incidents;
  }
  void set_dropped_events(std::uint64_t dropped) { dropped_events_ = dropped; }

  // Closes what lies behind the watermark, judges the requests that are complete.
  void advance(MonotonicTime now);

  // Before the first advance(): what earlier runs left.
  void restore(std::shared_ptr<const Books> carried, const LearnedState& learned, MonotonicTime now);
  void set_storage(std::optional<StorageView> storage) { storage_ = std::move(storage); }

  // The next snapshot has what is learned by then, not what was half a minute before.
  void renew_learned() { learned_.reset(); }

  // A request is open, or its evidence is not complete yet: sample fast.
  bool busy() const;
  // Servers whose next poll will tell more: their runners changed, or they answer for a model they did not
  // list.
  std::set<std::string> take_poll_wanted() { return std::exchange(poll_wanted_, {}); }
  // Requests judged since the last call, newest last: for the log.
  std::vector<RequestRecord> take_judged();
  // Models whose placement gauge has changed since the last call: for the log.
  std::set<ModelKey> take_changed_placements() { return std::exchange(changed_placements_, {}); }
  // What happened since the last call, in order.
  std::vector<Event> take_events() { return events_.take(); }

  // A snapshot would tell more than the last one: a second has passed, or a request ended.
  bool snapshot_due(MonotonicTime now) const;
  SnapshotPtr make_snapshot(MonotonicTime now);

  // Why the model is where it was observed, by the newest log, /proc and board.
  Fallback fallback_of(const ModelKey& key, Placement observed) const;

  const Attribution& attribution() const { return attribution_; }

 private:
  void add_sensors(const std::vector<const Reading*>& readings);
  void add_processes(const Batch& batch);
  void add_gpu_load(MonotonicTime at);
  void want_poll_for(RequestId id);
  void see_resident(const std::string& server, const std::string& model, MonotonicTime at);
  void forget_unseen_models(MonotonicTime now);
  void judge_finished(const Attribution::Finished& finished);
  void finish_remote();
  void count_phases(const LiveRequest& request, const RequestWindows& windows);
  void keep(RequestRecord&& record);
  void explain_fallback(const ModelKey& key, Verdict& verdict) const;
  void count_booked(const Attribution::Finished& booked);
  RequestRecord record_of(const LiveRequest& request, const Attribution::Finished& finished) const;
  void fill_models(Snapshot& snapshot) const;
  void fill_servers(Snapshot& snapshot) const;
  void fill_integrals(Snapshot& snapshot) const;
  void fill_headroom(Snapshot& snapshot) const;
  void fill_lasting(Snapshot& snapshot);
  void remember_shapes(const ServerState& state);
  void add_roofline(const LiveRequest& request, RequestRecord& record);
  void fill_events(Snapshot& snapshot) const;
  void watch_placements(MonotonicTime now);
  void note_shown(const ModelKey& key, std::optional<Placement> placement);
  SeenPlacement seen_placement(const ModelKey& key, Placement placement) const;

  AnalysisOptions options_;
  Attribution attribution_;
  Timeline timeline_;
  ModelTable models_;
  Residency residency_;
  RequestTable requests_;
  WitnessMerge merge_{requests_, residency_};
  std::map<ProcessId, std::pair<MonotonicTime, Nanoseconds>> runner_cpu_;
  MonotonicTime runner_worked_at_{};
  std::map<std::string, double> busy_cpu_;            // seconds of each core, at its last reading
  Nanoseconds total_cpu_{};                           // of all cores since the start
  std::map<std::string, Reading> gpu_loads_;          // newest of each GPU
  std::map<std::int64_t, std::uint64_t> gpu_memory_;  // pid -> bytes on all GPUs
  MonotonicTime gpu_memory_at_{};
  std::map<std::string, std::map<Witness, double>> server_busy_seconds_;
  std::optional<CaptureView> capture_;
  std::map<std::string, ServerLog> logs_;  // by server
  PlacementDesk desk_;
  std::map<ModelKey, ResidentModel> known_models_;  // as last seen resident
  std::optional<Reading> emc_peak_;
  GpuAccess gpu_access_;
  SharedList<RequestRecord> recent_;
  std::vector<RequestRecord> judged_;
  std::map<RequestId, RequestRecord> unbooked_;  // judged, amounts not final yet
  std::set<std::string> poll_wanted_;
  std::set<ModelKey> asked_about_;  // models polled for since the runners last changed
  EventWatch events_;
  std::map<ModelKey, Placement> shown_placements_;  // of the gauge, at the last advance()
  std::set<ModelKey> changed_placements_;
  RunnerWatch runner_watch_;
  std::optional<ClockReading> clock_;
  MonotonicTime now_{};  // of the last advance()
  IdleKey idle_key_;
  bool request_ended_ = false;
  std::optional<MonotonicTime> last_snapshot_;
  std::uint64_t dropped_events_ = 0;
  std::optional<RelayView> relay_;
  std::shared_ptr<const Books> carried_;
  std::shared_ptr<const LearnedState> learned_;
  MonotonicTime learned_at_{};
  std::optional<StorageView> storage_;
  std::optional<WebHookView> web_hook_;
  std::optional<IncidentsView> incidents_;
};

}  // namespace tegrascope
