// An analysis whose every input is recorded, as the agent's is.
#pragma once

#include <string>

#include "agent/analysis/analysis.hpp"
#include "agent/recording/recorder.hpp"

namespace tegrascope {

using namespace std::chrono_literals;

inline MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

inline constexpr const char* kServer = "127.0.0.1:11434";
inline constexpr ProcessId kServe{100, 5};
inline constexpr ProcessId kRunner{200, 9};

class TextKeeper : public RecordKeeper {
 public:
  void keep(const RecordedLine& line) override { text_ += line.text; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class RecordedBoard {
 public:
  explicit RecordedBoard(RecordKeeper& keeper) : analysis_(options(true)) {
    recorder_.add_keeper(keeper);
    RecordingHead head;
    head.program = "0.1.0";
    head.options = options(false);
    head.clock = {t(0), 0s, WallTime{1'700'000'000s}};
    recorder_.begin(head);
    analysis_.add(head.clock);
    ServerState state;
    state.server = {kServer, std::string("http://") + kServer, kServe.pid};
    state.up = true;
    state.models_known = true;
    ResidentModel model;
    model.name = "qwen2.5:7b";
    model.size_bytes = 1000;
    model.size_vram_bytes = 1000;
    state.models = {model};
    feed(state);
  }

  template <class T>
  void feed(const T& input) {
    recorder_.take(input);
    analysis_.add(input);
  }

  void run_until(double seconds, double watts, double gpu_load, double cores) {
    while (now_ < seconds - 1e-9) {
      now_ += 0.1;
      cpu_seconds_ += cores * 0.1;
      Batch sensors;
      sensors.collector = "rails";
      sensors.started = sensors.finished = t(now_);
      sensors.readings = {{Signal::board_power_watts, "", "input_rail", watts, t(now_)},
                          {Signal::gpu_utilization_ratio, "0", "", gpu_load, t(now_)}};
      feed(sensors);
      Batch processes;
      processes.collector = "processes";
      processes.started = processes.finished = t(now_);
      processes.lists_processes = true;
      ProcessReading p;
      p.id = kRunner;
      p.role = ProcessRole::runner;
      p.serve_pid = kServe.pid;
      p.cpu_time = from_seconds(cpu_seconds_);
      p.at = t(now_);
      processes.processes = {p};
      feed(processes);
      advance();
    }
  }

  // Decodes for four seconds from a second after now.
  void request(RequestId id, double watts, double load, double cores) {
    const double at = now_;
    feed(RequestEvent(RequestStarted{id, Witness::relay, kServer, "/api/chat", Operation::chat, t(at)}));
    RequestDescribed d;
    d.id = id;
    d.model = "qwen2.5:7b";
    d.streamed = true;
    feed(RequestEvent(d));
    run_until(at + 1, watts, load, cores);
    RequestProgress p;
    p.id = id;
    p.at = t(at + 1);
    p.first_content = p.at;
    p.content_chunks = 1;
    feed(RequestEvent(p));
    run_until(at + 5, watts, load, cores);
    RequestEnded e;
    e.id = id;
    e.at = t(at + 5);
    e.status_code = 200;
    e.first_content = t(at + 1);
    e.content_chunks = 40;
    e.chunk_gaps = Histogram(kInterTokenEdges);
    for (int i = 0; i < 39; ++i) e.chunk_gaps.observe(0.1);
    e.counts = FinalCounts{1s, std::nullopt, 300ms, 4s, 12, 40, "stop"};
    feed(RequestEvent(e));
    run_until(at + 8, 5, 0, 0);
  }

  void end() {
    RecordingEnd end;
    end.at = t(now_);
    end.ledger = analysis_.attribution().ledger().totals();
    recorder_.take(end);
  }

  Analysis& analysis() { return analysis_; }
  const std::map<RequestId, RequestRecord>& booked() const { return booked_; }
  double now() const { return now_; }

 private:
  AnalysisOptions options(bool live) {
    AnalysisOptions o;
    o.attribution.cores = 6;
    o.gpu_present = true;
    if (live) {
      o.on_booked = [this](const RequestRecord& record) {
        booked_[record.id] = record;
        recorder_.take(booked_answer(record));
      };
    }
    return o;
  }
  void advance() {
    recorder_.take(Advance{t(now_), 0});
    analysis_.advance(t(now_));
    for (const Event& event : analysis_.take_events()) recorder_.take(event);
  }

  Recorder recorder_;
  std::map<RequestId, RequestRecord> booked_;
  Analysis analysis_;
  double now_ = 0;
  double cpu_seconds_ = 0;
};

}  // namespace tegrascope
