// The immutable view that exporters read. Reading one has no side effect and any thread may do it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/event.hpp"
#include "agent/model/fallback.hpp"
#include "agent/model/headroom.hpp"
#include "agent/model/histogram.hpp"
#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/request.hpp"
#include "agent/model/saved_state.hpp"
#include "agent/model/server_log.hpp"
#include "agent/model/shared_list.hpp"

namespace tegrascope {

struct CollectorStatus {
  std::string name;
  bool absent = false;        // this board has no such hardware
  bool up = false;            // the last read worked
  std::uint64_t samples = 0;  // slots read
  double sample_seconds = 0;  // time spent reading, in all
  std::uint64_t missed_slots = 0;
  std::map<ErrorReason, std::uint64_t> errors;  // kErrorReasons only
  std::string error;                            // ReadError::where of the latest slot's first of them, or ""
  std::uint64_t unavailable = 0;  // sensors without a value in the latest slot (ErrorReason::unavailable)
};

// Sums over the decodes of one model whose memory traffic is known; a mixture of experts has none.
struct RooflineSums {
  std::uint64_t requests = 0;
  double bytes = 0;       // that the decodes had to read
  double peak_bytes = 0;  // that the memory bus could have carried meanwhile
  Nanoseconds time{};
  // Left out of the sums: more than the bus can carry, so the token count or the estimate is wrong.
  std::uint64_t impossible = 0;
};

// Figures of one (server, model). Counters count since the agent started.
struct ModelView {
  std::string server;
  std::string model;
  std::map<std::pair<std::string, int>, std::uint64_t> requests;  // (endpoint, status code)
  std::map<std::string, std::uint64_t> aborted;                   // by: client, upstream, timeout
  std::uint64_t in_flight_waiting = 0;                            // no content yet
  std::uint64_t in_flight_generating = 0;
  std::uint64_t in_flight_opaque =
      0;  // not streamed, or seen only as a busy runner: phase unknown until the end
  std::map<Operation, Histogram> duration_seconds;
  Histogram first_token_seconds{kFirstTokenEdges};
  Histogram inter_token_seconds{kInterTokenEdges};
  Histogram joules_per_token{kJoulesPerTokenEdges};
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::map<Phase, std::int64_t> phase_ns;
  std::map<Phase, Amounts> attributed;
  RooflineSums roofline;
  std::map<Placement, std::uint64_t> verdicts;
  std::map<char, std::uint64_t>
      qualities;                       // requests by RequestRecord::quality, once their amounts are final
  std::optional<Placement> placement;  // the gauge, with hysteresis; absent until a first verdict
  std::string placement_evidence;      // explanation of the verdict that set it
  bool gpu_expected = true;
  std::optional<Fallback> fallback;  // while the gauge says cpu or partial and the GPU is expected
  // Times that the gauge went from gpu, or from nothing, to partial or cpu where the GPU was expected.
  std::map<ReasonClass, std::uint64_t> fallbacks;
};

// Totals of the ledger up to its watermark. Exactly: measured = attributed + unattributed + pending + forgotten.
struct LedgerView {
  bool energy_known = false;
  bool gpu_known = false;
  std::int64_t measured_energy_nj = 0;
  std::int64_t measured_gpu_busy_ns = 0;
  std::int64_t pending_energy_nj = 0;
  std::int64_t pending_gpu_busy_ns = 0;
  std::int64_t forgotten_energy_nj = 0;  // was attributed to models that are shown no longer
  std::int64_t forgotten_gpu_busy_ns = 0;
  std::map<Unattributed, std::int64_t> unattributed_energy_nj;
  std::map<Unattributed, std::int64_t> unattributed_gpu_busy_ns;
};

struct ServerView {
  ServerState state;
  std::map<Witness, double> busy_seconds;  // busy time of its runners, by the strongest witness that saw it
  std::optional<ServerLog> log;            // absent: no log of it is known, or witness log is off
  std::map<std::string, std::uint64_t> gpu_memory_bytes;  // resident model -> what its runner holds on GPUs
};

// What the relay did since the agent started.
struct RelayView {
  std::size_t connections = 0;                              // of clients, now
  std::uint64_t bytes_in = 0;                               // from clients
  std::uint64_t bytes_out = 0;                              // to clients
  std::map<std::string, std::uint64_t> refused_requests;    // reason: framing, host, guard, slow_head
  std::map<std::string, std::uint64_t> closed_connections;  // reason: limit, evicted
  std::uint64_t unobserved_connections = 0;  // forwarded, but not followed after an internal error
};

// What became of witness `capture`. Counters count since the agent started.
struct CaptureView {
  bool up = false;
  std::string error;                     // why not, and what to do; empty when up
  std::uint64_t packets = 0;             // read of the watched servers; acknowledgements without data are not
  std::uint64_t dropped_packets = 0;     // by the kernel, before they could be read
  std::uint64_t gaps = 0;                // holes in a TCP stream that nothing filled
  std::uint64_t lost_bytes = 0;          // in those holes
  std::uint64_t joined_connections = 0;  // not seen to open
};

// What became of the web hook's deliveries, since the agent started.
struct WebHookView {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;   // given up after the last try
  std::uint64_t dropped = 0;  // the queue was full
};

// Files that the flight recorder wrote, since the agent started.
struct IncidentsView {
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
};

struct Snapshot {
  MonotonicTime at{};
  std::optional<BoardIdentity> board;
  std::vector<CollectorStatus> collectors;
  std::vector<Reading> readings;                       // latest value of each series, only while fresh
  std::map<std::string, std::int64_t> rail_energy_nj;  // rail -> time integral since start
  std::optional<double> emc_busy_seconds;              // time integral of the memory controller's utilization
  std::optional<double> emc_transferred_bytes;         // time integral of emc_bytes_per_second
  std::map<std::string, double> throttled_seconds;     // reason -> time with clocks held down
  std::optional<std::uint64_t> thermal_throttle_events;  // times that cooling began to hold clocks down
  LedgerView ledger;
  // Whose time is the ledger's GPU time: the number of the one GPU, or "busiest", which is at each moment the load of
  // the busiest of several.
  std::string ledger_gpu = "0";
  std::vector<ServerView> servers;
  std::optional<MemoryHeadroom> headroom;
  // Attributed in this run to models that are shown no longer (LedgerView::forgotten_*).
  std::map<AccountName, std::map<Phase, Amounts>> closed_accounts;
  std::shared_ptr<const Books> carried;         // of earlier runs; null: nothing is kept
  std::shared_ptr<const LearnedState> learned;  // at most half a minute old; null: nothing yet
  std::optional<StorageView> storage;           // absent: nothing is kept
  std::optional<RelayView> relay;               // only with a relay
  std::vector<ModelView> models;
  std::optional<CaptureView> capture;                       // only where it was asked for
  SharedList<RequestRecord> recent;                         // the last 64 finished requests, newest last
  std::map<std::string, std::uint64_t> observation_errors;  // reason -> count
  std::uint64_t label_overflow_models = 0;
  std::uint64_t dropped_events = 0;                 // lost between threads because a queue was full
  std::vector<Event> events;                        // the last 64, newest last
  std::map<EventKind, std::uint64_t> event_counts;  // since the agent started; every kind
  std::optional<WebHookView> web_hook;              // only with --events.webhook-url
  std::optional<IncidentsView> incidents;           // only with a state directory
};

// Books of this run.
Books books_of(const Snapshot& snapshot);
// Since the first start: carried over and this run's. Where nothing is kept, this run's.
Books lifetime_of(const Snapshot& snapshot);

using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Where exporters get the newest snapshot. A source may make it when it is asked, so latest() is for the source's own
// thread, which is where the HTTP endpoint runs. Never null; the same pointer while nothing is new.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  virtual SnapshotPtr latest() = 0;
};

}  // namespace tegrascope
