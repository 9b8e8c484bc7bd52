// How much memory the analysis holds: heap in use (mallinfo2), measured around one Analysis that is fed as the service
// thread feeds it, on virtual time. Figures are stated in docs/architecture.md.
// Usage: analysis_memory
#include <malloc.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "agent/analysis/analysis.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr const char* kServer = "127.0.0.1:11434";
constexpr const char* kModel = "qwen2.5:7b";

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

std::size_t heap_bytes() { return ::mallinfo2().uordblks; }

// An Orin Nano with one runner or several. Time moves by 0.1 s while it is busy, as the sampler does, else by 1 s.
class Board {
 public:
  explicit Board(int runners = 1) : runners_(runners) {
    AnalysisOptions options;
    options.attribution.cores = 6;
    options.gpu_present = true;
    analysis_ = std::make_unique<Analysis>(options);
    analysis_->add(ClockReading{t(0), 0s, WallTime{1'700'000'000s}});
    ServerState state;
    state.server = {kServer, std::string("http://") + kServer, 100};
    state.up = state.models_known = true;
    for (int i = 0; i < runners; ++i) {
      ResidentModel model;
      model.name = i == 0 ? kModel : "model" + std::to_string(i) + ":latest";
      model.size_bytes = model.size_vram_bytes = 4'700'000'000;
      state.models.push_back(model);
    }
    analysis_->add(state);
  }

  void run(double seconds, double cores) {
    const bool busy = cores > 0;
    for (const double until = now_ + seconds; now_ < until - 1e-9;) {
      const double step = busy ? 0.1 : 1.0;
      now_ += step;
      cpu_ += from_seconds(cores * step);
      if (const auto second = static_cast<long>(now_ + 1e-6); second != second_) {
        second_ = second;
        slow_batch();
      }
      Batch rails;
      rails.collector = "rails";
      rails.readings = {{Signal::board_power_watts, "", "input_rail", busy ? 15.0 : 5.0, t(now_)},
                        {Signal::gpu_utilization_ratio, "0", "", busy ? 0.97 : 0.0, t(now_)}};
      analysis_->add(rails);
      Batch processes;
      processes.collector = "processes";
      processes.lists_processes = true;
      for (int i = 0; i < runners_; ++i) {
        ProcessReading p;
        p.id = {200 + i, 9};
        p.role = ProcessRole::runner;
        p.serve_pid = 100;
        p.cpu_time = i == 0 ? cpu_ : Nanoseconds{};
        p.at = t(now_);
        processes.processes.push_back(p);
      }
      analysis_->add(processes);
      if (on_step) on_step();
      analysis_->advance(t(now_));
      analysis_->take_judged();
      analysis_->take_events();
      analysis_->take_poll_wanted();
      if (analysis_->snapshot_due(t(now_))) snapshot_ = analysis_->make_snapshot(t(now_));
    }
  }

  void start(RequestId id, const std::string& model) {
    analysis_->add(RequestStarted{id, Witness::relay, kServer, "/api/chat", Operation::chat, t(now_)});
    RequestDescribed described;
    described.id = id;
    described.model = model;
    described.streamed = true;
    analysis_->add(described);
  }
  void progress(RequestId id, double first_content, std::uint64_t chunks) {
    RequestProgress p;
    p.id = id;
    p.at = t(now_);
    p.first_content = t(first_content);
    p.content_chunks = chunks;
    p.chunk_gaps = Histogram(kInterTokenEdges);
    analysis_->add(p);
  }
  void end(RequestId id, double first_content, int status, std::int64_t tokens) {
    RequestEnded e;
    e.id = id;
    e.at = t(now_);
    e.status_code = status;
    if (status == 200) {
      e.first_content = t(first_content);
      e.content_chunks = static_cast<std::uint64_t>(tokens);
      e.counts = FinalCounts{std::nullopt, std::nullopt, 300ms, from_seconds(now_ - first_content),
                             120,          tokens,       "stop"};
    }
    analysis_->add(e);
  }

  double now() const { return now_; }
  std::function<void()> on_step;

 private:
  void slow_batch() {
    Batch slow;
    slow.collector = "slow";
    for (int i = 0; i < 60; ++i)
      slow.readings.push_back(
          {Signal::temperature_celsius, "zone" + std::to_string(i), "", 40.0 + i % 10, t(now_)});
    analysis_->add(slow);
  }

  int runners_;
  std::unique_ptr<Analysis> analysis_;
  SnapshotPtr snapshot_;
  double now_ = 0;
  Nanoseconds cpu_{};
  long second_ = -1;
};

void report(const char* what, std::size_t before) {
  std::printf("%-70s %9zu KB\n", what, (heap_bytes() - before) / 1024);
}

void idle_and_full() {
  const std::size_t before = heap_bytes();
  Board board;
  report("made, nothing read", before);
  board.run(3600, 0);
  report("an hour idle", before);
  board.run(1800, 4);
  report("and half an hour of other work at 10 Hz (curves full)", before);
}

void runners(int count) {
  const std::size_t before = heap_bytes();
  Board board(count);
  board.run(1800, 4);
  report((std::to_string(count) + " runners, curves full").c_str(), before);
}

// All open at once, tokens told five times a second, ten minutes long.
void open_requests(int count) {
  const std::size_t before = heap_bytes();
  Board board;
  board.run(60, 0);
  const std::size_t idle = heap_bytes() - before;
  for (int i = 1; i <= count; ++i) board.start(static_cast<RequestId>(i), kModel);
  board.run(1, 4);
  const double first = board.now();
  int step = 0;
  board.on_step = [&] {
    if (++step % 2 != 0) return;
    for (int i = 1; i <= count; ++i)
      board.progress(static_cast<RequestId>(i), first, static_cast<std::uint64_t>(step));
  };
  for (const int minutes : {1, 4, 5}) {
    board.run(60 * minutes, 4);
    report((std::to_string(count) + " open requests, after " + std::to_string(step / 600) + " min").c_str(),
           before + idle);
  }
  board.run(300, 4);
  report((std::to_string(count) + " open requests, after " + std::to_string(step / 600) + " min").c_str(),
         before + idle);
  board.on_step = {};
  for (int i = 1; i <= count; ++i) board.end(static_cast<RequestId>(i), first, 200, step);
  board.run(5, 4);
  board.run(30, 0);
  report("  and ended", before + idle);
}

// One request after another, each for another name, which the server knows or does not.
void invented_names(int status) {
  const std::size_t before = heap_bytes();
  Board board;
  for (RequestId id = 1; id <= 10'000; ++id) {
    board.start(id, "invented" + std::to_string(id));
    board.run(0.2, 4);
    board.end(id, board.now() - 0.1, status, 4);
    if (id == 100 || id == 1000 || id == 5000 || id == 10'000) {
      board.run(2, 4);
      report(("names, status " + std::to_string(status) + ": " + std::to_string(id)).c_str(), before);
    }
  }
}

// Every minute a request of ten seconds, by turns of 16 models.
void days() {
  const std::size_t before = heap_bytes();
  Board board;
  RequestId id = 0;
  for (int hour = 1; hour <= 48; ++hour) {
    for (int minute = 0; minute < 60; ++minute) {
      ++id;
      board.start(id, "model" + std::to_string(id % 16));
      board.run(1, 4);
      const double first = board.now();
      board.run(9, 4);
      board.end(id, first, 200, 150);
      board.run(50, 0);
    }
    if (hour == 1 || hour == 6 || hour == 24 || hour == 48)
      report(("a request a minute, 16 models, hours: " + std::to_string(hour)).c_str(), before);
  }
}

}  // namespace
}  // namespace tegrascope

int main() {
  using namespace tegrascope;
  idle_and_full();
  runners(4);
  open_requests(64);
  open_requests(512);
  invented_names(200);
  invented_names(404);
  days();
}
