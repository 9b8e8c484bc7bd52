// The service thread: takes what the other threads sensed, lets the analysis understand it, runs the HTTP endpoint and
// makes it a snapshot when it is asked for one. While nothing is under way it wakes for whatever comes; else in turns, one
// a second at most, so that tokens and most samples do not wake it.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "agent/analysis/analysis.hpp"
#include "agent/app/bus.hpp"
#include "agent/app/clocks.hpp"
#include "agent/app/outlets.hpp"
#include "agent/app/state_log.hpp"
#include "agent/app/watchdog.hpp"
#include "agent/recording/recorder.hpp"
#include "collectors/ollama/process_witness.hpp"
#include "collectors/ollama/slots_witness.hpp"

namespace tegrascope {

// What the service asks of others; called on the service thread, must not block.
struct ServiceHooks {
  std::function<void(bool)> set_busy;  // sample fast, poll often
  std::function<void(const std::string& server)> poll_soon;
  std::function<void()> find_servers;  // `ollama serve` processes came or went
  // Runners whose slots are worth reading now; empty: witness slots is off.
  std::function<void(std::vector<SlotsTarget>&&)> watch_slots;
  // Ollama's processes came or went: look at what they may do on the GPU.
  std::function<void(std::vector<std::int64_t>&& serves, std::vector<ProcessId>&& runners)> find_gpu_access;
  std::function<std::optional<RelayView>()> relay_view;      // absent: no relay
  std::function<std::optional<StorageView>()> storage_view;  // absent: nothing is kept
  std::function<void(const SnapshotPtr&)> keep;              // every ten seconds
};

class Service : public SnapshotSource {
 public:
  Service(const AnalysisOptions& options, RequestIds& ids, bool witness_processes, ServiceHooks hooks);
  ~Service() override;  // stops

  // Any thread.
  void push(std::vector<Batch>&& slot);
  void push(RequestEvent&& event) { bus_.push(std::move(event)); }
  void push(ServerState&& state) { bus_.push(std::move(state)); }
  void push(SlotsReading&& reading) { bus_.push(std::move(reading)); }
  void push(CaptureView&& capture) { bus_.push(std::move(capture)); }
  void push(ServerLog&& log) { bus_.push(std::move(log)); }
  void push(GpuAccess&& access) { bus_.push(std::move(access)); }
  void push(std::vector<OllamaServer>&& servers) { bus_.push(std::move(servers)); }

  // Before start(). `outlets` must outlive this.
  void use(Outlets& outlets);
  // Before start(): what earlier runs left.
  void restore(std::shared_ptr<const Books> carried, const LearnedState& learned);

  // All that is known now; one snapshot a second, and one after each request's end, are enough for any number of
  // questions. Service thread; any while it does not run: then the last one.
  SnapshotPtr latest() override;
  // latest() from another thread, between start() and stop(); waits for the service thread.
  SnapshotPtr ask();
  // For the HTTP endpoint; handlers run on the service thread.
  boost::asio::io_context& context() { return context_; }

  void start();
  // Takes in what still waits, makes a last snapshot, joins. Idempotent.
  void stop();

 private:
  using Message = std::variant<Batch, RequestEvent, ServerState, SlotsReading, CaptureView, ServerLog,
                               GpuAccess, std::vector<OllamaServer>>;

  // All that the analysis learns goes through here, so that a recording has it.
  template <class T>
  void feed(const T& input) {
    recorder_.take(input);
    analysis_.add(input);
  }
  AnalysisOptions with_recorder(AnalysisOptions options);
  void begin_recording();
  void end_recording(MonotonicTime now);
  void look_at_clocks();
  void tell_events();
  void tell_placements(MonotonicTime now);
  void make_snapshot(MonotonicTime now);
  void keep(MonotonicTime now);

  void drain();
  void choose_turns(MonotonicTime now);
  void await_turn();
  void take(Batch&& batch);
  void take(RequestEvent&& event);
  void take(ServerState&& state);
  void take(CaptureView&& capture);
  void take(ServerLog&& log);
  void take(GpuAccess&& access);
  void take(std::vector<OllamaServer>&& servers);
  void take(SlotsReading&& reading);
  void choose_slots(const Batch& batch);
  void follow_processes(const Batch& batch);

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Bus<Message> bus_;
  SnapshotPtr snapshot_ = std::make_shared<Snapshot>();
  std::optional<MonotonicTime> kept_;
  const AnalysisOptions options_;
  Recorder recorder_;
  std::optional<RestoredState> restored_;
  Analysis analysis_;
  ClockWatch clock_watch_;
  Outlets* outlets_ = nullptr;
  const bool witness_processes_;
  ProcessWitness process_witness_;
  SlotsWitness slots_witness_;
  std::map<ProcessId, std::pair<MonotonicTime, Nanoseconds>> runner_cpu_;  // at the last batch
  StateLog state_log_;
  ServiceHooks hooks_;
  std::set<std::int64_t> serve_pids_;
  std::set<ProcessId> runners_;
  bool busy_ = false;
  bool in_turns_ = false;
  MonotonicTime looked_at_{};
  // From then on a slot wakes this thread. While idle the bus does for whatever comes.
  std::atomic<MonotonicTime> next_turn_{MonotonicTime::max()};
  bool running_ = false;  // from start() until stop() takes its last look
  boost::asio::steady_timer turn_{context_};
  Watchdog watchdog_{context_};
  std::thread thread_;
};

}  // namespace tegrascope
