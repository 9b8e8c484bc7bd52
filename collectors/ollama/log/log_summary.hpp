// What the events of a log add up to: where the last model went, and why not to the GPU. Pure; one thread
// at a time.
//
// These are claims: a log can say 33/33 layers while the runner computes on the CPU. Within one load, what
// was measured later outweighs what was planned: the runner's build and its failures to get a GPU, then
// "offloaded N/M", the last layout, the buffers, the runner's list of devices, the plan. A load that the
// text does not show is judged by what the server found when it looked for GPUs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/ollama/log/log_event.hpp"

namespace tegrascope {

struct LogSummary {
  Placement placement = Placement::unknown;
  std::optional<std::int64_t> layers_offloaded;
  std::optional<std::int64_t> layers_total;
  std::vector<std::string> devices;  // GPUs of the load: as its buffers name them, else as they were found
  ReasonClass reason = ReasonClass::none;
  std::uint64_t requests = 0;  // POST lines on inference routes
  std::uint64_t aborts = 0;    // of completions, embeddings and loads
};

// A build of the engine without GPU code: cpu, cpu_avx2.
inline bool is_cpu_variant(std::string_view variant) { return variant.starts_with("cpu"); }

class LogSummarizer {
 public:
  void add(const LogEvent& event);
  LogSummary summary() const;

 private:
  struct Claim {
    Placement placement = Placement::unknown;
    ReasonClass reason = ReasonClass::none;
  };

  // What one server process told since it started.
  struct Server {
    bool gpu_found = false;
    bool cpu_listed = false;  // "inference compute" named the CPU
    bool only_cpu_runners = false;
    bool cpu_forced = false;
    bool model_seen = false;                  // some model is or was loaded
    ReasonClass trouble = ReasonClass::none;  // why no GPU can be had
    std::vector<std::string> devices;
    Claim claim() const;
  };

  struct Bytes {
    std::uint64_t gpu = 0;
    std::uint64_t cpu = 0;
  };

  // One load, from its plan to its end. A fallback to another runner is a load that inherits its reason.
  struct Load {
    bool planned = false;
    bool started = false;
    bool measured = false;  // results were told
    bool complete = false;
    LogPlan plan;
    std::string variant;
    std::optional<std::int64_t> gpu_layers;
    bool fallback = false;
    std::optional<LogLayout> layout;
    std::optional<LogOffload> offload;
    std::int64_t overflow = 0;
    Bytes model, kv, compute;
    std::vector<std::string> buffer_devices;
    std::vector<std::string> found_devices;
    bool lists_no_gpu = false;  // the runner listed its devices, without a GPU
    bool memory_short = false;  // an allocation failed in this load
    bool last_allocation_failed = false;
    bool layers_do_not_fit = false;
    ReasonClass trouble = ReasonClass::none;  // why its runner gets no GPU
    ReasonClass failure = ReasonClass::none;  // why it, or its runner later, ended
    bool failed = false;
    std::uint64_t gpu_bytes() const { return model.gpu + kv.gpu + compute.gpu; }
  };

  void on(const LogServer& event);
  void on(const LogCompute& event);
  void on(const LogRunners& event);
  void on(const LogDevice& event);
  void on(const LogBackend& event);
  void on(const LogPlan& event);
  void on(const LogLoadStarted& event);
  void on(const LogLayout& event);
  void on(const LogOffload& event);
  void on(const LogOverflow& event);
  void on(const LogBuffer& event);
  void on(const LogLoad& event);
  void on(const LogLoadFailed& event);
  void on(const LogModelPresent& event);
  void on(const LogTrouble& event);
  void on(const LogAbort& event);
  void on(const LogRequest& event);
  void on(const LogSlot&) {}

  Load& running_load();  // the current one, or a new one when that is over
  Load& measured_load();
  void end_load(ReasonClass reason);

  Placement placement_of(const Load& load) const;
  ReasonClass reason_of(const Load& load, Placement placement) const;
  ReasonClass cpu_reason_of(const Load& load) const;
  Claim claim() const;

  Server server_;
  std::optional<Load> load_;
  bool load_is_of_this_server_ = false;
  Claim earlier_;  // of the servers before this one
  std::uint64_t requests_ = 0;
  std::uint64_t aborts_ = 0;
};

}  // namespace tegrascope
