// What witnesses report about requests, and the record that the analysis makes of one. No prompt, no answer,
// no client address ever enters these types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/model/histogram.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/time.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

// Unique within a run of the agent, across witnesses.
using RequestId = std::uint64_t;

// The counters of Ollama's final object (done:true). Ollama leaves a field out when it is 0; durations are
// its own nanoseconds. prompt_eval_count holds cached tokens too, prompt_eval_duration does not: never divide
// them.
struct FinalCounts {
  std::optional<Nanoseconds> total_duration;
  std::optional<Nanoseconds>
      load_duration;  // handler start to runner ready: waiting for the scheduler included
  std::optional<Nanoseconds> prompt_eval_duration;
  std::optional<Nanoseconds> eval_duration;
  std::optional<std::int64_t> prompt_tokens;
  std::optional<std::int64_t> output_tokens;
  std::string done_reason;  // stop, length, load, unload, other; empty when not given
};

// ---- events, in the order a witness sends them; each carries the id of its request
// -------------------------------

// The request line is complete (relay), or a runner became busy (process).
struct RequestStarted {
  RequestId id = 0;
  Witness witness{};
  std::string server;    // host:port of the Ollama server, as in --ollama.url
  std::string endpoint;  // route template, e.g. "/api/chat"; "other" outside the known routes
  Operation operation = Operation::other;
  MonotonicTime at{};
};

// What the request asks for, known once its body has been scanned. Sent at most once.
struct RequestDescribed {
  RequestId id = 0;
  std::string model;  // as the client wrote it
  bool streamed = false;
  std::optional<int> gpu_layers;                 // options.num_gpu; 0 asks for the CPU
  std::optional<ProcessId> runner;               // witness process: the runner that is busy
  std::optional<std::int64_t> num_predict{};     // options.num_predict; most tokens to generate
  std::optional<std::int64_t> context_length{};  // options.num_ctx; tokens
  std::string keep_alive{};                      // as the client wrote it: "5m", "0", "-1"; empty when absent
  bool remote = false;                           // a cloud model, by its name
};

// News of a running stream. A witness sends it with the first content chunk and then at most a few times a
// second; figures are totals since the request began, so a lost event loses nothing but time.
struct RequestProgress {
  RequestId id = 0;
  MonotonicTime at{};
  std::optional<MonotonicTime> first_content;  // first chunk with content, thinking or tool calls
  std::uint64_t content_chunks = 0;            // about one token each; parsers may hold text back
  Histogram chunk_gaps;  // seconds between content chunks, since the previous progress event
  bool remote = false;   // the answer names a remote host: none of this board's hardware works for it
};

struct RequestEnded {
  RequestId id = 0;
  MonotonicTime at{};   // last byte of the answer, or the moment the connection went
  int status_code = 0;  // as sent to the client; 499 when the client left, also after a 200 head; 0 unknown
  Outcome outcome = Outcome::ok;
  std::optional<MonotonicTime> first_content;
  std::uint64_t content_chunks = 0;
  Histogram chunk_gaps;               // since the last progress event
  std::optional<FinalCounts> counts;  // absent: no final object or usage was seen
  std::string
      observation_error;  // why figures could not be read: json, range, oversize, encoding, usage_missing, gap
                          // (bytes that the witness did not see); or ""
  bool remote = false;    // as in RequestProgress
};

using RequestEvent = std::variant<RequestStarted, RequestDescribed, RequestProgress, RequestEnded>;

// ---- the record
// --------------------------------------------------------------------------------------------------

// Integer amounts, so that sums are exact.
struct Amounts {
  std::int64_t energy_nj = 0;       // nanojoules of the board, idle share included
  std::int64_t idle_energy_nj = 0;  // part of energy_nj that the board would have drawn idle
  std::int64_t gpu_busy_ns = 0;
  std::int64_t cpu_ns = 0;  // of the runner
  Amounts& operator+=(const Amounts& o) {
    energy_nj += o.energy_nj;
    idle_energy_nj += o.idle_energy_nj;
    gpu_busy_ns += o.gpu_busy_ns;
    cpu_ns += o.cpu_ns;
    return *this;
  }
  friend bool operator==(const Amounts&, const Amounts&) = default;
};

// What the hardware did while a request decoded; the physical evidence of where it ran.
struct DecodeEvidence {
  Nanoseconds window{};                  // length of the window looked at
  std::optional<double> gpu_load_ratio;  // mean in the window; absent: no sensor, or too few samples
  int gpu_samples = 0;
  std::optional<double> runner_cores;  // CPU seconds of the runner per second; absent: no runner known
  std::optional<int> runner_threads;
  std::int64_t output_tokens = 0;
  std::optional<double> board_watts;  // mean in the window, idle power included
};

// What one piece of evidence said: log-likelihoods in nats relative to `gpu`.
struct EvidenceScore {
  std::string
      name;  // gpu_load, runner_cores, gpu_load+runner_cores, token_rate, api_ps, log, gpu_library, ...
  std::string says;  // with its numbers: "GPU 1 %, runner 5.60 cores of 6 threads"
  double cpu = 0;
  double partial = 0;
};

struct Verdict {
  Placement placement = Placement::unknown;
  double probability = 0;  // of `placement`, 0-1
  // throttled, mode_changed, contended, swapping, degraded, declared_mismatch, sensor_suspect, expected, no_gpu
  std::vector<std::string> flags;
  std::string explanation;  // one line, with the numbers
  std::vector<EvidenceScore> evidence;
  // Of a partial placement: the share of the model on the GPU, and where it is known from: log, api_ps, gpu_load.
  std::optional<double> gpu_share;
  std::string gpu_share_source;
};

// Memory traffic of a decode, by what the model has to read for each token (attribution method 4).
struct Roofline {
  double bytes_per_token = 0;                   // weights and the context cache at its mean length
  double bytes_per_second = 0;                  // that times the token rate
  std::optional<double> peak_bytes_per_second;  // what the memory bus could carry then; absent: not readable
  BytesSource source{};
  // Of a mixture of experts the two figures above are the least it can be.
  bool is_bound() const { return source == BytesSource::experts; }
  std::optional<double> of_peak() const {
    if (!peak_bytes_per_second || *peak_bytes_per_second <= 0) return std::nullopt;
    return bytes_per_second / *peak_bytes_per_second;
  }
};

// The reason on a request whose roofline says more than the bus can carry.
inline constexpr const char* kImpossibleBandwidth = "impossible_bandwidth";

// A request whose windows are known and whose hardware shares are booked.
struct RequestRecord {
  RequestId id = 0;
  Witness witness{};
  std::string server;
  std::string model;  // admitted label value, or "other"
  std::string endpoint;
  Operation operation = Operation::other;
  bool streamed = false;
  bool remote = false;  // computed elsewhere: nothing of the board is booked to it, nothing judged
  Outcome outcome = Outcome::ok;
  int status_code = 0;
  MonotonicTime started{};
  MonotonicTime ended{};
  std::optional<MonotonicTime> first_content;
  std::optional<std::int64_t> prompt_tokens;
  std::optional<std::int64_t> output_tokens;  // the server's count; chunks seen when it gave none
  bool tokens_estimated = false;
  std::map<Phase, Nanoseconds> phase_time;  // adds up to ended - started exactly
  std::map<Phase, Amounts> phase_amounts;
  // What prefill and decode would have cost had nothing else run, joules above idle; absent: not learned yet.
  std::optional<double> solo_joules;
  bool energy_known = false;  // false: no power reading covered the request
  bool gpu_known = false;
  // Of its energy over all phases: holds the true value in 19 of 20 requests, relative to the power sensor (its own
  // calibration is apart). Absent: no energy known.
  std::optional<std::pair<std::int64_t, std::int64_t>> energy_interval_nj;
  char quality = 'D';  // A (within 2 %, undisturbed) to D (rough, or nothing known)
  // gap, no_durations, incomplete, equal_share, no_idle_baseline, impossible_bandwidth, ...; whatever keeps it from A is named
  std::vector<std::string> reasons;
  DecodeEvidence decode;
  std::optional<Roofline> roofline;  // absent: decode too short, or what the model reads is not known
  Verdict verdict;
};

}  // namespace tegrascope
