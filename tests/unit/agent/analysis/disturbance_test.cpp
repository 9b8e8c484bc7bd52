// What happens to machines in mid-request: the clock is set, the lid is closed, Ollama or the agent starts again. Nothing
// negative, nothing lost, and the request says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/analysis/board.hpp"

namespace tegrascope {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

ClockReading clocks(double monotonic, double slept = 0, double stepped = 0) {
  return {t(monotonic), from_seconds(monotonic + slept),
          WallTime{1'700'000'000s + from_seconds(monotonic + slept + stepped)}};
}

// A machine with serve and runner, on literal times, that writes down every record.
class Machine {
 public:
  explicit Machine(double begin = 0) : now_(begin), analysis_(options()) {
    ServerState state;
    state.server = {kServer, std::string("http://") + kServer, kServe.pid};
    state.up = true;
    state.models_known = true;
    ResidentModel model;
    model.name = "qwen2.5:7b";
    state.models = {model};
    analysis_.add(state);
    analysis_.add(clocks(begin));
  }

  void run_until(double seconds, double watts, double load, double cores) {
    while (now_ < seconds - 1e-9) {
      now_ += 0.1;
      cpu_seconds_ += cores * 0.1;
      Batch sensors;
      sensors.collector = "rails";
      if (power_) sensors.readings.push_back({Signal::board_power_watts, "", "input_rail", watts, t(now_)});
      if (gpu_) sensors.readings.push_back({Signal::gpu_utilization_ratio, "0", "", load, t(now_)});
      analysis_.add(sensors);
      Batch processes;
      processes.collector = "processes";
      processes.started = processes.finished = t(now_);
      processes.lists_processes = true;
      if (serve_) processes.processes.push_back(process(*serve_, ProcessRole::serve, 1));
      if (runner_) processes.processes.push_back(process(*runner_, ProcessRole::runner, cpu_seconds_));
      analysis_.add(processes);
      step();
    }
  }

  void start(RequestId id, Witness witness = Witness::relay) { start_at(id, now_, witness); }
  void start_at(RequestId id, double at, Witness witness) {
    analysis_.add(RequestStarted{id, witness, kServer, "/api/chat", Operation::chat, t(at)});
    RequestDescribed d;
    d.id = id;
    d.model = "qwen2.5:7b";
    d.streamed = witness == Witness::relay;
    if (witness == Witness::process) d.runner = runner_;
    analysis_.add(d);
  }
  void first(RequestId id) {
    first_ = now_;
    RequestProgress p;
    p.id = id;
    p.at = t(now_);
    p.first_content = t(now_);
    p.content_chunks = 1;
    analysis_.add(p);
  }
  void end(RequestId id, Outcome outcome, int status, bool counts = true) {
    RequestEnded e;
    e.id = id;
    e.at = t(now_);
    e.status_code = status;
    e.outcome = outcome;
    e.content_chunks = 40;
    if (counts) {
      e.first_content = t(first_);
      e.counts = FinalCounts{1s, std::nullopt, 300ms, from_seconds(now_ - first_), 12, 40, "stop"};
    }
    analysis_.add(e);
  }

  void add(const ClockReading& clock) { analysis_.add(clock); }
  void set_power(bool on) { power_ = on; }
  void set_gpu(bool on) { gpu_ = on; }
  void set_serve(std::optional<ProcessId> id) { serve_ = id; }
  void set_runner(std::optional<ProcessId> id) {
    runner_ = id;
    cpu_seconds_ = 0;
  }
  double now() const { return now_; }

  const std::vector<Event>& events() const { return events_; }
  const std::map<RequestId, RequestRecord>& booked() const { return booked_; }
  Analysis& analysis() { return analysis_; }

  // After everything is booked: exact, and no amount below zero.
  void expect_sound() {
    const Ledger& ledger = analysis_.attribution().ledger();
    EXPECT_TRUE(ledger.balanced());
    EXPECT_GE(ledger.totals().pending_energy_nj, 0);
    for (const auto& [reason, nj] : ledger.totals().unattributed_energy_nj) EXPECT_GE(nj, 0);
    for (const auto& [key, phases] : ledger.accounts()) {
      for (const auto& [phase, a] : phases) {
        EXPECT_GE(a.energy_nj, 0);
        EXPECT_GE(a.gpu_busy_ns, 0);
        EXPECT_GE(a.cpu_ns, 0);
      }
    }
    for (const auto& [id, record] : booked_) {
      for (const auto& [phase, time] : record.phase_time) EXPECT_GE(time, 0ns);
    }
  }

 private:
  AnalysisOptions options() {
    AnalysisOptions o;
    o.attribution.cores = 6;
    o.gpu_present = true;
    o.on_booked = [this](const RequestRecord& record) { booked_[record.id] = record; };
    return o;
  }
  ProcessReading process(const ProcessId& id, ProcessRole role, double cpu_seconds) const {
    ProcessReading p;
    p.id = id;
    p.role = role;
    p.serve_pid = serve_ ? serve_->pid : 0;
    p.cpu_time = from_seconds(cpu_seconds);
    p.at = t(now_);
    return p;
  }
  void step() {
    analysis_.advance(t(now_));
    for (Event& event : analysis_.take_events()) events_.push_back(std::move(event));
  }

  double now_ = 0;
  double first_ = 0;
  double cpu_seconds_ = 0;
  bool power_ = true;
  bool gpu_ = true;
  std::optional<ProcessId> serve_ = kServe;
  std::optional<ProcessId> runner_ = kRunner;
  std::vector<Event> events_;
  std::map<RequestId, RequestRecord> booked_;
  Analysis analysis_;
};

// Decodes from 6 to 12 s; `disturb` happens at 9 s.
template <class Disturb>
void one_request(Machine& machine, Disturb disturb) {
  machine.run_until(5, 5, 0, 0);
  machine.start(1);
  machine.run_until(6, 15, 0.97, 0.3);
  machine.first(1);
  machine.run_until(9, 15, 0.97, 0.3);
  disturb(machine);
  machine.run_until(12, 15, 0.97, 0.3);
  machine.end(1, Outcome::ok, 200);
  machine.run_until(20, 5, 0, 0);
}

TEST(Disturbance, AClockThatIsSetChangesNoFigure) {
  Machine still;
  one_request(still, [](Machine&) {});
  for (const double step : {-3600.0, 86400.0}) {
    Machine stepped;
    one_request(stepped, [&](Machine& m) { m.add(clocks(9, 0, step)); });
    stepped.expect_sound();
    EXPECT_EQ(stepped.booked().at(1).phase_amounts, still.booked().at(1).phase_amounts);
    EXPECT_EQ(stepped.booked().at(1).phase_time, still.booked().at(1).phase_time);
    EXPECT_THAT(stepped.booked().at(1).reasons, Not(Contains("suspended")));
  }
}

TEST(Disturbance, ARequestThatSleptWithTheMachineSaysSo) {
  Machine machine;
  one_request(machine, [](Machine& m) {
    m.add(clocks(8.9));
    m.add(clocks(9, 900));
  });
  machine.start(2);
  machine.run_until(21, 15, 0.97, 0.3);
  machine.first(2);
  machine.run_until(24, 15, 0.97, 0.3);
  machine.end(2, Outcome::ok, 200);
  machine.run_until(30, 5, 0, 0);
  machine.expect_sound();
  EXPECT_THAT(machine.booked().at(1).reasons, Contains("suspended"));
  EXPECT_THAT(machine.booked().at(2).reasons, Not(Contains("suspended")));
}

TEST(Disturbance, EventsTellTheTimeOfTheClockAsItIsNow) {
  Machine machine;
  machine.run_until(5, 5, 0, 0);
  machine.add(clocks(5, 100, 50));
  machine.analysis().add(Batch{"throttle",
                               t(6),
                               t(6),
                               {{Signal::throttled, "", "thermal", 1, t(6)}},
                               {},
                               false,
                               {},
                               false,
                               {},
                               false,
                               0});
  machine.run_until(7, 5, 0, 0);
  ASSERT_EQ(machine.events().size(), 1u);
  EXPECT_EQ(machine.events()[0].wall, WallTime{1'700'000'156s});
}

TEST(Disturbance, OllamaThatStartsAgainInMidRequest) {
  Machine machine;
  machine.run_until(5, 5, 0, 0);
  machine.start(1);
  machine.run_until(6, 15, 0.97, 0.3);
  machine.first(1);
  machine.run_until(9, 15, 0.97, 0.3);
  machine.set_serve(std::nullopt);
  machine.set_runner(std::nullopt);
  machine.end(1, Outcome::upstream_aborted, 200, false);
  machine.run_until(12, 5, 0, 0);
  machine.set_serve(ProcessId{300, 50});
  machine.run_until(14, 5, 0, 0);
  machine.set_runner(ProcessId{400, 60});
  machine.run_until(15, 5, 0, 0);
  machine.start(2);
  machine.run_until(16, 15, 0.97, 0.3);
  machine.first(2);
  machine.run_until(20, 15, 0.97, 0.3);
  machine.end(2, Outcome::ok, 200);
  machine.run_until(30, 5, 0, 0);

  machine.expect_sound();
  ASSERT_EQ(machine.booked().size(), 2u);
  EXPECT_THAT(machine.booked().at(1).reasons, Contains("incomplete"));
  EXPECT_EQ(machine.booked().at(1).outcome, Outcome::upstream_aborted);
  EXPECT_THAT(machine.booked().at(2).reasons, Not(Contains("incomplete")));
  EXPECT_EQ(machine.booked().at(2).verdict.placement, Placement::gpu);
  ASSERT_EQ(machine.events().size(), 1u);
  EXPECT_EQ(machine.events()[0].kind, EventKind::runner_exit);
  EXPECT_THAT(machine.events()[0].text, HasSubstr("Ollama ended"));
}

TEST(Disturbance, ARunnerThatDiesInMidRequestIsToldOnce) {
  Machine machine;
  machine.run_until(5, 5, 0, 0);
  machine.start(1);
  machine.start(2);
  machine.run_until(6, 15, 0.97, 0.3);
  machine.first(1);
  machine.run_until(9, 15, 0.97, 0.3);
  machine.set_runner(std::nullopt);
  machine.run_until(9.3, 5, 0, 0);
  machine.end(1, Outcome::error, 200, false);
  machine.end(2, Outcome::error, 500, false);
  machine.run_until(20, 5, 0, 0);
  machine.expect_sound();
  ASSERT_EQ(machine.events().size(), 1u);
  EXPECT_EQ(machine.events()[0].kind, EventKind::runner_exit);
  EXPECT_EQ(machine.events()[0].reason, ReasonClass::runner_crash);
  EXPECT_EQ(machine.events()[0].model, "qwen2.5:7b");
}

TEST(Disturbance, AnErrorThatComesBeforeTheRunnerIsMissedIsTheSame) {
  Machine machine;
  machine.run_until(5, 5, 0, 0);
  machine.start(1);
  machine.run_until(9, 15, 0.97, 0.3);
  machine.end(1, Outcome::error, 500, false);
  machine.set_runner(std::nullopt);
  machine.run_until(20, 5, 0, 0);
  ASSERT_EQ(machine.events().size(), 1u);
  EXPECT_EQ(machine.events()[0].kind, EventKind::runner_exit);
}

TEST(Disturbance, AModelThatIsUnloadedIsNoDeath) {
  Machine machine;
  one_request(machine, [](Machine&) {});
  machine.set_runner(std::nullopt);  // keep_alive is over
  machine.run_until(30, 5, 0, 0);
  machine.set_runner(ProcessId{400, 60});
  machine.run_until(31, 5, 0, 0);
  machine.start(2);
  machine.run_until(33, 15, 0.97, 0.3);
  machine.set_runner(std::nullopt);  // the client left while it loaded
  machine.end(2, Outcome::client_aborted, 499, false);
  machine.run_until(40, 5, 0, 0);
  machine.expect_sound();
  EXPECT_TRUE(machine.events().empty());
}

// The relay ends with the agent, so that its clients ask again; the log tells the old request at its end.
TEST(Disturbance, AnAgentThatStartsAgainInMidRequest) {
  Machine before;
  before.run_until(5, 5, 0, 0);
  before.start(1);
  before.run_until(6, 15, 0.97, 0.3);
  before.first(1);
  before.run_until(9, 15, 0.97, 0.3);
  before.expect_sound();
  EXPECT_GT(before.analysis().attribution().ledger().totals().measured_energy_nj, 0);

  Machine after(9.5);
  ServerLog followed;
  followed.server = kServer;
  followed.followed = true;
  after.analysis().add(followed);
  after.run_until(10, 15, 0.97, 0.3);
  after.start_at(6, 9.6, Witness::process);
  after.run_until(12, 15, 0.97, 0.3);
  after.end(6, Outcome::ok, 0, false);
  after.start_at(7, 5, Witness::log);
  after.end(7, Outcome::ok, 200, false);
  after.run_until(30, 5, 0, 0);
  after.expect_sound();
  ASSERT_EQ(after.booked().size(), 1u);
  const RequestRecord& record = after.booked().at(7);
  EXPECT_THAT(record.reasons, Contains("gap"));  // part of it nobody measured
  std::int64_t energy = 0;
  for (const auto& [phase, a] : record.phase_amounts) energy += a.energy_nj;
  EXPECT_GT(energy, 0);
  EXPECT_LE(energy, after.analysis().attribution().ledger().totals().measured_energy_nj);
}

TEST(Disturbance, SensorsThatFallSilentInMidRequest) {
  for (const bool both : {false, true}) {
    Machine machine;
    machine.run_until(5, 5, 0, 0);
    machine.start(1);
    machine.run_until(6, 15, 0.97, 0.3);
    machine.first(1);
    machine.run_until(8, 15, 0.97, 0.3);
    machine.set_power(false);
    machine.set_gpu(!both);
    machine.run_until(13, 15, 0.97, 0.3);
    machine.set_power(true);
    machine.set_gpu(true);
    machine.run_until(15, 15, 0.97, 0.3);
    machine.end(1, Outcome::ok, 200);
    machine.run_until(30, 5, 0, 0);
    machine.expect_sound();
    EXPECT_THAT(machine.booked().at(1).reasons, Contains("gap")) << both;
    std::int64_t energy = 0;
    for (const auto& [phase, a] : machine.booked().at(1).phase_amounts) energy += a.energy_nj;
    // Of 0.3 s of prefill and 9 s of decode at 15 W, five seconds were not seen: what was not measured is not booked.
    EXPECT_NEAR(static_cast<double>(energy) * 1e-9, 64.5, 3) << both;
  }
}

}  // namespace
}  // namespace tegrascope
