#include "collectors/ollama/process_witness.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr ProcessId kRunner{500, 1000};
const std::string kBlob(64, 'a');

// A runner whose CPU time is a function of time, sampled as the collector does, in ticks of 10 ms.
class ProcessWitnessTest : public testing::Test {
 protected:
  using Load = std::vector<std::pair<Nanoseconds, double>>;  // from this time on so many cores

  static Nanoseconds cpu_at(const Load& load, Nanoseconds t) {
    double seconds = 0;
    for (std::size_t i = 0; i < load.size(); ++i) {
      const Nanoseconds end = i + 1 < load.size() ? std::min(load[i + 1].first, t) : t;
      if (end > load[i].first) seconds += load[i].second * to_seconds(end - load[i].first);
    }
    return Nanoseconds{10ms} * static_cast<std::int64_t>(std::floor(seconds * 100 + 1e-6));
  }

  static ProcessReading runner(MonotonicTime at, Nanoseconds cpu, ProcessId id = kRunner,
                               std::int64_t serve = 400) {
    ProcessReading p;
    p.id = id;
    p.role = ProcessRole::runner;
    p.serve_pid = serve;
    p.cpu_time = cpu;
    p.model_blob = kBlob;
    p.at = at;
    return p;
  }

  void observe(MonotonicTime at, std::vector<ProcessReading> processes) {
    Batch batch;
    batch.collector = "processes";
    batch.started = batch.finished = at;
    batch.lists_processes = true;
    batch.processes = std::move(processes);
    witness_.observe(batch);
  }

  void run(const Load& load, Nanoseconds from, Nanoseconds to, Nanoseconds period) {
    for (Nanoseconds t = from; t <= to; t += period)
      observe(MonotonicTime{t}, {runner(MonotonicTime{t}, cpu_at(load, t))});
  }

  ServerState state(const std::string& model, const std::string& blob) const {
    ServerState s;
    s.server = server_;
    s.up = s.models_known = true;
    ResidentModel m;
    m.name = model;
    m.model_blob = blob;
    s.models = {m};
    return s;
  }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const RequestEvent& e : events_) {
      if (const T* event = std::get_if<T>(&e)) found.push_back(*event);
    }
    return found;
  }
  // S started, D described, E ended.
  std::string order() const {
    std::string s;
    for (const RequestEvent& e : events_) s += "SDPE"[e.index()];
    return s;
  }

  OllamaServer server_{"127.0.0.1:11434", "http://127.0.0.1:11434", 400};
  std::vector<RequestEvent> events_;
  RequestIds ids_;
  ProcessWitness witness_{ids_, [this](RequestEvent&& e) { events_.push_back(std::move(e)); }};
};

TEST_F(ProcessWitnessTest, a_spell_at_10_hz) {
  witness_.set_servers({server_});
  witness_.set_state(state("qwen2.5:7b", kBlob));
  run({{5030ms, 0.8}, {9070ms, 0}}, 0s, 12s, 100ms);
  ASSERT_EQ(order(), "SDE");
  const auto started = all<RequestStarted>()[0];
  EXPECT_EQ(started.witness, Witness::process);
  EXPECT_EQ(started.server, "127.0.0.1:11434");
  EXPECT_EQ(started.endpoint, "other");
  EXPECT_EQ(started.operation, Operation::other);
  EXPECT_EQ(started.at, MonotonicTime{5000ms});
  const auto described = all<RequestDescribed>()[0];
  EXPECT_EQ(described.id, started.id);
  EXPECT_EQ(described.model, "qwen2.5:7b");
  EXPECT_EQ(described.runner, kRunner);
  const auto ended = all<RequestEnded>()[0];
  EXPECT_EQ(ended.id, started.id);
  EXPECT_EQ(ended.at, MonotonicTime{9100ms});
  EXPECT_EQ(ended.outcome, Outcome::ok);
  EXPECT_EQ(ended.status_code, 0);
  EXPECT_FALSE(ended.counts);
}

TEST_F(ProcessWitnessTest, a_spell_at_1_hz_is_known_to_the_second) {
  run({{5300ms, 2.0}, {9600ms, 0}}, 0s, 12s, 1s);
  ASSERT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestStarted>()[0].at, MonotonicTime{5s});
  EXPECT_EQ(all<RequestEnded>()[0].at, MonotonicTime{10s});
}

TEST_F(ProcessWitnessTest, sampling_turns_fast_when_a_runner_is_busy) {
  const Load load{{5300ms, 2.0}, {9640ms, 0}};
  run(load, 0s, 6s, 1s);
  EXPECT_EQ(order(), "S");
  EXPECT_EQ(witness_.busy_runners(), std::vector{kRunner});
  run(load, 6100ms, 11s, 100ms);
  EXPECT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestStarted>()[0].at, MonotonicTime{5s});
  EXPECT_EQ(all<RequestEnded>()[0].at, MonotonicTime{9700ms});
  EXPECT_TRUE(witness_.busy_runners().empty());
}

TEST_F(ProcessWitnessTest, short_bursts_are_no_request) {
  run({{5030ms, 1.0}, {5180ms, 0}, {7010ms, 4.0}, {7100ms, 0}}, 0s, 12s, 100ms);
  EXPECT_EQ(order(), "");
}

TEST_F(ProcessWitnessTest, an_idle_runner_that_ticks_now_and_then_is_idle) {
  run({{0ms, 0.04}}, 0s, 60s, 100ms);
  run({{0ms, 0.04}}, 61s, 120s, 1s);
  EXPECT_EQ(order(), "");
}

TEST_F(ProcessWitnessTest, a_runner_on_the_gpu_may_use_a_tenth_of_a_core) {
  run({{5s, 0.12}, {15s, 0}}, 0s, 20s, 100ms);
  ASSERT_EQ(order(), "SDE");
  EXPECT_NEAR(to_seconds(all<RequestStarted>()[0].at.time_since_epoch()), 5.0, 0.21);
  EXPECT_NEAR(to_seconds(all<RequestEnded>()[0].at.time_since_epoch()), 15.0, 0.21);
}

TEST_F(ProcessWitnessTest, between_the_two_limits_a_spell_goes_on) {
  run({{5s, 0.5}, {7s, 0.08}, {12s, 0}}, 0s, 20s, 100ms);
  ASSERT_EQ(order(), "SDE");
  EXPECT_GT(all<RequestEnded>()[0].at, MonotonicTime{11500ms});
  EXPECT_LE(all<RequestEnded>()[0].at, MonotonicTime{12s});
}

TEST_F(ProcessWitnessTest, a_short_pause_joins_a_long_one_parts) {
  run({{5s, 1.0}, {6s, 0}, {6300ms, 1.0}, {7s, 0}, {9s, 1.0}, {10s, 0}}, 0s, 12s, 100ms);
  ASSERT_EQ(order(), "SDESDE");
  const auto started = all<RequestStarted>();
  const auto ended = all<RequestEnded>();
  EXPECT_EQ(started[0].at, MonotonicTime{5s});
  EXPECT_EQ(ended[0].at, MonotonicTime{7s});
  EXPECT_EQ(started[1].at, MonotonicTime{9s});
  EXPECT_EQ(ended[1].at, MonotonicTime{10s});
  EXPECT_NE(started[0].id, started[1].id);
}

TEST_F(ProcessWitnessTest, a_new_runner_was_idle_when_it_was_not_there) {
  observe(MonotonicTime{4s}, {});
  for (Nanoseconds t = 5s; t <= 12s; t += 1s)
    observe(MonotonicTime{t}, {runner(MonotonicTime{t}, cpu_at({{4500ms, 1.0}, {9s, 0}}, t))});
  ASSERT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestStarted>()[0].at, MonotonicTime{4s});
}

TEST_F(ProcessWitnessTest, what_a_runner_used_before_we_looked_is_not_ours) {
  observe(MonotonicTime{4s}, {runner(MonotonicTime{4s}, 100s)});
  observe(MonotonicTime{5s}, {runner(MonotonicTime{5s}, 100s)});
  EXPECT_EQ(order(), "");
}

TEST_F(ProcessWitnessTest, a_runner_that_vanishes_leaves_an_incomplete_request) {
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  observe(MonotonicTime{8100ms}, {});
  ASSERT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestEnded>()[0].outcome, Outcome::incomplete);
  EXPECT_EQ(all<RequestEnded>()[0].at, MonotonicTime{8s});
  EXPECT_TRUE(witness_.busy_runners().empty());
}

TEST_F(ProcessWitnessTest, a_batch_of_another_collector_ends_nothing) {
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  witness_.observe(Batch{});
  EXPECT_EQ(order(), "S");
}

TEST_F(ProcessWitnessTest, a_pid_used_again_is_another_runner) {
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  observe(MonotonicTime{8100ms}, {runner(MonotonicTime{8100ms}, 0s, {500, 9999})});
  EXPECT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestEnded>()[0].outcome, Outcome::incomplete);
}

TEST_F(ProcessWitnessTest, described_once_the_loaded_model_is_listed) {
  witness_.set_servers({server_});
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  EXPECT_EQ(order(), "S");
  witness_.set_state(state("qwen2.5:7b", ""));
  EXPECT_EQ(order(), "SD");
  EXPECT_EQ(all<RequestDescribed>()[0].model, "qwen2.5:7b");
  witness_.set_state(state("qwen2.5:7b", kBlob));
  EXPECT_EQ(order(), "SD");
}

TEST_F(ProcessWitnessTest, a_blob_is_remembered_for_the_next_load) {
  witness_.set_servers({server_});
  witness_.set_state(state("qwen2.5:7b", kBlob));
  witness_.set_state(state("other:1b", std::string(64, 'b')));
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  EXPECT_EQ(all<RequestDescribed>().at(0).model, "qwen2.5:7b");
}

TEST_F(ProcessWitnessTest, another_resident_model_is_not_taken_for_the_runners) {
  witness_.set_servers({server_});
  witness_.set_state(state("other:1b", std::string(64, 'b')));
  run({{5s, 1.0}, {7s, 0}}, 0s, 8s, 100ms);
  EXPECT_EQ(all<RequestDescribed>().at(0).model, "");
}

TEST_F(ProcessWitnessTest, two_runners_are_two_requests) {
  for (Nanoseconds t = 0s; t <= 12s; t += 100ms) {
    const MonotonicTime at{t};
    observe(at, {runner(at, cpu_at({{3s, 1.0}, {6s, 0}}, t)),
                 runner(at, cpu_at({{4s, 1.0}, {8s, 0}}, t), {501, 1001})});
  }
  EXPECT_EQ(order(), "SSDEDE");
}

TEST_F(ProcessWitnessTest, server_by_pid) {
  const OllamaServer second{"127.0.0.1:3002", "http://127.0.0.1:3002", 401};
  witness_.set_servers({second, server_});
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  EXPECT_EQ(all<RequestStarted>().at(0).server, "127.0.0.1:11434");
}

TEST_F(ProcessWitnessTest, the_only_server_when_pids_are_unknown) {
  server_.serve_pid = 0;
  witness_.set_servers({server_});
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  EXPECT_EQ(all<RequestStarted>().at(0).server, "127.0.0.1:11434");
}

TEST_F(ProcessWitnessTest, the_runner_of_a_server_we_do_not_know) {
  server_.serve_pid = 77;
  witness_.set_servers({server_});
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  EXPECT_EQ(all<RequestStarted>().at(0).server, "unknown");
}

TEST_F(ProcessWitnessTest, the_runner_of_a_server_that_was_started_anew) {
  server_.serve_pid = 77;  // as the last look for servers found it
  witness_.set_servers({server_});
  for (Nanoseconds t = 0s; t <= 8s; t += 100ms) {
    const MonotonicTime at{t};
    ProcessReading serve;
    serve.id = {400, 900};
    serve.role = ProcessRole::serve;
    serve.at = at;
    observe(at, {serve, runner(at, cpu_at({{5s, 1.0}}, t))});
  }
  EXPECT_EQ(all<RequestStarted>().at(0).server, "127.0.0.1:11434");
}

TEST_F(ProcessWitnessTest, finish_ends_what_is_open) {
  run({{5s, 1.0}}, 0s, 8s, 100ms);
  witness_.finish();
  ASSERT_EQ(order(), "SDE");
  EXPECT_EQ(all<RequestEnded>()[0].outcome, Outcome::incomplete);
}

// Any load, any sampling: events come in order, times too, and nothing is taken back.
TEST_F(ProcessWitnessTest, order_holds_for_any_load) {
  std::uint32_t seed = 1;
  const auto random = [&](std::uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
  };
  Nanoseconds t{}, cpu{};
  for (int i = 0; i < 20000; ++i) {
    const Nanoseconds step = std::chrono::milliseconds{random(2) ? 100 : 50 + random(1500)};
    t += step;
    cpu += Nanoseconds{10ms} * (random(3) ? 0 : random(40));
    observe(MonotonicTime{t},
            random(200) ? std::vector{runner(MonotonicTime{t}, cpu)} : std::vector<ProcessReading>{});
  }
  witness_.finish();
  MonotonicTime last_end{};
  std::optional<RequestStarted> open;
  for (const RequestEvent& e : events_) {
    if (const auto* s = std::get_if<RequestStarted>(&e)) {
      ASSERT_FALSE(open);
      ASSERT_GE(s->at, last_end);
      open = *s;
    } else if (const auto* end = std::get_if<RequestEnded>(&e)) {
      ASSERT_TRUE(open);
      ASSERT_EQ(end->id, open->id);
      ASSERT_GE(end->at - open->at, 300ms);
      last_end = end->at;
      open.reset();
    }
  }
  EXPECT_FALSE(open);
  EXPECT_GT(events_.size(), 300u);
}

}  // namespace
}  // namespace tegrascope
