// The whole understanding on literal times: a board, a runner and requests in, a snapshot out.
#pragma once

#include <gtest/gtest.h>

#include "agent/analysis/analysis.hpp"

namespace tegrascope {

using namespace std::chrono_literals;

inline MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

inline constexpr const char* kServer = "127.0.0.1:11434";
inline constexpr ProcessId kServe{100, 5};
inline constexpr ProcessId kRunner{200, 9};

// A board whose Ollama has one model loaded. Time moves in steps of 100 ms.
class Board {
 public:
  explicit Board(std::optional<bool> gpu_present = true) : analysis_(options(gpu_present)) {
    ServerState state;
    state.server = {kServer, std::string("http://") + kServer, kServe.pid};
    state.up = true;
    state.models_known = true;
    ResidentModel model;
    model.name = "qwen2.5:7b";
    model.size_bytes = 1000;
    model.size_vram_bytes = 1000;
    state.models = {model};
    analysis_.add(state);
  }

  void run_until(double seconds, double watts, double gpu_load, double cores, ProcessId runner = kRunner) {
    while (now_ < seconds - 1e-9) {
      now_ += 0.1;
      cpu_seconds_ += cores * 0.1;
      Batch sensors;
      sensors.collector = "rails";
      sensors.readings = {{Signal::board_power_watts, "", "input_rail", watts, t(now_)},
                          {Signal::gpu_utilization_ratio, "0", "", gpu_load, t(now_)}};
      analysis_.add(sensors);
      Batch processes;
      processes.collector = "processes";
      processes.lists_processes = true;
      ProcessReading p;
      p.id = runner;
      p.role = ProcessRole::runner;
      p.serve_pid = kServe.pid;
      p.cpu_time = from_seconds(cpu_seconds_);
      p.slots = slots_;
      p.at = t(now_);
      processes.processes = {p};
      analysis_.add(processes);
      analysis_.advance(t(now_));
    }
  }

  void start(RequestId id, double at, Witness witness = Witness::relay) {
    analysis_.add(RequestStarted{id, witness, kServer, "/api/chat", Operation::chat, t(at)});
  }
  void describe(RequestId id, const std::string& model, bool streamed) {
    RequestDescribed d;
    d.id = id;
    d.model = model;
    d.streamed = streamed;
    analysis_.add(d);
  }
  void first(RequestId id, double at, std::uint64_t chunks) {
    RequestProgress p;
    p.id = id;
    p.at = t(at);
    p.first_content = t(at);
    p.content_chunks = chunks;
    analysis_.add(p);
  }
  void end(RequestId id, double first, double at, std::int64_t tokens, double decode, double prompt = 0.3) {
    RequestEnded e;
    e.id = id;
    e.at = t(at);
    e.status_code = 200;
    e.first_content = t(first);
    e.content_chunks = static_cast<std::uint64_t>(tokens);
    e.counts = FinalCounts{};
    e.counts->total_duration = 1s;
    e.counts->prompt_eval_duration = from_seconds(prompt);
    e.counts->eval_duration = from_seconds(decode);
    e.counts->prompt_tokens = 12;
    e.counts->output_tokens = tokens;
    e.counts->done_reason = "stop";
    analysis_.add(e);
  }

  // A request that decodes for four seconds from a second after `at`.
  void whole_request(RequestId id, double at, double watts, double load, double cores,
                     ProcessId runner = kRunner) {
    start(id, at);
    describe(id, "qwen2.5:7b", true);
    run_until(at + 1, watts, load, cores, runner);
    first(id, at + 1, 1);
    run_until(at + 5, watts, load, cores, runner);
    end(id, at + 1, at + 5, 40, 4);
    run_until(at + 8, 5, 0, 0, runner);
  }

  void set_slots(int slots) { slots_ = slots; }

  SnapshotPtr snapshot() { return analysis_.make_snapshot(t(now_)); }
  const ModelView& model() {
    last_ = snapshot();
    return last_->models.at(0);
  }
  Analysis& analysis() { return analysis_; }
  double now() const { return now_; }
  int booked() const { return booked_; }  // records whose amounts are final

 private:
  AnalysisOptions options(std::optional<bool> gpu_present) {
    AnalysisOptions o;
    o.on_booked = [this](const RequestRecord&) { ++booked_; };
    o.attribution.cores = 6;
    o.gpu_present = gpu_present;
    return o;
  }
  int booked_ = 0;
  Analysis analysis_;
  double now_ = 0;
  double cpu_seconds_ = 0;
  std::optional<int> slots_;  // of the runner
  SnapshotPtr last_;
};

inline double joules(const ModelView& view, Phase phase) {
  return static_cast<double>(view.attributed.at(phase).energy_nj) * 1e-9;
}

}  // namespace tegrascope
