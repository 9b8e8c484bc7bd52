#include "agent/recording/decoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "agent/model/signals.hpp"
#include "agent/recording/encoder.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Text -> record -> text, without a loss.
template <class T>
T round_trip(const T& record) {
  RecordDecoder decoder;
  const std::string text = encode(record);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  const auto decoded = decoder.decode(text);
  EXPECT_TRUE(decoded && std::holds_alternative<T>(*decoded)) << text;
  EXPECT_EQ(encode(std::get<T>(*decoded)), text);
  return std::get<T>(*decoded);
}

template <class Event>
Event event_round_trip(const Event& event) {
  return std::get<Event>(round_trip(RequestEvent(event)));
}

MonotonicTime at(std::int64_t ns) { return MonotonicTime{Nanoseconds(ns)}; }

TEST(Recording, HeadKeepsWhatTheAgentWasToldOfItsMachine) {
  RecordingHead head;
  head.program = "0.1.0";
  head.clock = {at(5), 7ns, WallTime{9ns}};
  head.options.attribution.cores = 6;
  head.options.attribution.sensors.max_gap = 3s;
  head.options.attribution.hold_idle = 1500ms;
  head.options.gpu_present = false;
  head.options.placement.min_decode = 2s;
  head.options.placement.load_half = 0.5;
  head.options.board =
      BoardIdentity{"NVIDIA Jetson Orin Nano 8GB", "tegra234", "36.4.4", "6.2.1", "5.15", true, 128};
  const RecordingHead read = round_trip(head);
  EXPECT_EQ(read.options.placement.min_decode, 2s);
  EXPECT_EQ(read.options.placement.load_half, 0.5);
  EXPECT_EQ(read.options.attribution.cores, 6);
  EXPECT_EQ(read.options.attribution.hold_idle, 1500ms);
  EXPECT_EQ(read.options.gpu_present, false);
  EXPECT_EQ(read.options.board->memory_bus_bits, 128);
  EXPECT_EQ(read.clock.boot, 7ns);
}

TEST(Recording, RequestEventsComeBackWhole) {
  const auto started = event_round_trip(
      RequestStarted{7, Witness::capture, "h:1", "/api/chat", Operation::chat, at(123456789012345678)});
  EXPECT_EQ(started.at, at(123456789012345678));
  EXPECT_EQ(started.witness, Witness::capture);

  RequestDescribed described;
  described.id = 7;
  described.model = "a \"b\"\n\xff";
  described.gpu_layers = 0;
  described.runner = ProcessId{4, 5};
  described.num_predict = -1;
  described.keep_alive = "5m";
  const auto d = event_round_trip(described);
  EXPECT_EQ(d.runner, (ProcessId{4, 5}));
  EXPECT_EQ(d.gpu_layers, 0);

  RequestProgress progress;
  progress.id = 7;
  progress.first_content = at(5);
  progress.chunk_gaps = Histogram(kInterTokenEdges);
  for (const double gap : {0.001, 0.1, 0.1, 99.0}) progress.chunk_gaps.observe(gap);
  const auto p = event_round_trip(progress);
  EXPECT_EQ(p.chunk_gaps.counts(), progress.chunk_gaps.counts());
  EXPECT_EQ(p.chunk_gaps.sum(), progress.chunk_gaps.sum());
  EXPECT_EQ(p.chunk_gaps.count(), 4u);

  RequestEnded ended;
  ended.id = 7;
  ended.status_code = 499;
  ended.outcome = Outcome::client_aborted;
  ended.counts = FinalCounts{1s, std::nullopt, 3ns, std::nullopt, 0, std::nullopt, "stop"};
  ended.observation_error = "gap";
  const auto e = event_round_trip(ended);
  EXPECT_EQ(e.counts->total_duration, 1s);
  EXPECT_FALSE(e.counts->load_duration);
  EXPECT_EQ(e.counts->prompt_tokens, 0);
}

TEST(Recording, StatesLogsAndViewsComeBackWhole) {
  ServerState state;
  state.server = {"h:1", "http://h:1", 44, UpstreamKind::openai};
  state.up = true;
  state.models_known = true;
  ResidentModel model;
  model.name = "m";
  model.size_vram_bytes = 0;
  model.shape.emplace().architecture = "qwen2";
  model.shape->block_count = 28;
  state.models = {model};
  state.installed_models = 3;
  state.remote_models = {"x-cloud"};
  const ServerState read = round_trip(state);
  EXPECT_EQ(read.models.at(0).size_vram_bytes, 0u);
  EXPECT_FALSE(read.models.at(0).size_bytes);
  EXPECT_EQ(read.models.at(0).shape->block_count, 28);
  EXPECT_EQ(read.server.kind, UpstreamKind::openai);

  ServerLog log;
  log.server = "h:1";
  log.followed = true;
  log.placement = Placement::partial;
  log.reason = ReasonClass::vram_too_small;
  log.devices = {"CUDA0"};
  log.layers_total = 29;
  log.load_failures[ReasonClass::oom_alloc] = 2;
  log.runners_killed = 1;
  EXPECT_EQ(round_trip(log), log);

  RelayView relay;
  relay.bytes_in = 5;
  relay.refused_requests["host"] = 2;
  EXPECT_EQ(round_trip(relay).refused_requests, relay.refused_requests);
  round_trip(CaptureView{true, "", 1, 2, 3, 4, 5});
  EXPECT_EQ(round_trip(ServersFound{{"a", "http://a", 1}, {"b", "http://b", 2}}).size(), 2u);
  EXPECT_TRUE(round_trip(ServersFound{}).empty());
  round_trip(ClockReading{at(1), 2ns, WallTime{3ns}});
  round_trip(Advance{at(7), 3});
  round_trip(LostRecords{4});
}

TEST(Recording, WhatWasLearnedAndWhatProcTellsComeBackWhole) {
  GpuAccess access;
  ServeAccess serve;
  serve.serve_pid = 44;
  serve.container = true;
  serve.devices_missing = "";
  serve.backends = std::vector<std::string>{"cuda_v12"};
  access.serves = {serve};
  access.runners = {{{5, 6}, false, "cuda_v12"}};
  EXPECT_EQ(round_trip(access), access);
  EXPECT_EQ(round_trip(SlotsSeen{{5, 6}}).runner, (ProcessId{5, 6}));

  RestoredState restored;
  restored.at = at(5);
  restored.learned.baselines = {{1, false, std::nullopt, 4, 4.9600000000000001, 123}};
  restored.learned.series = {{"unit_cost", "h:1", "m", Phase::decode, {0.1 + 0.2, 1e-300}},
                             {"x", "", "", Phase::load, {}}};
  restored.learned.power_mode = 2;
  EXPECT_EQ(round_trip(restored).learned, restored.learned);
}

TEST(Recording, AnswersAndEventsComeBackWhole) {
  BookedAnswer booked;
  booked.id = 3;
  booked.placement = Placement::cpu;
  booked.amounts[Phase::decode] = {123456789012, -4, 5, 6};
  EXPECT_EQ(round_trip(booked), booked);

  Event event;
  event.kind = EventKind::runner_exit;
  event.at = at(5);
  event.wall = WallTime{6ns};
  event.server = "h:1";
  event.reason = ReasonClass::oom_killed;
  event.cure = "sudo true";
  event.text = "it died";
  EXPECT_EQ(round_trip(event).reason, ReasonClass::oom_killed);

  RecordingEnd end;
  end.ledger.measured_energy_nj = 77;
  end.ledger.unattributed_energy_nj[Unattributed::idle] = 77;
  EXPECT_EQ(round_trip(end).ledger.unattributed_energy_nj.at(Unattributed::idle), 77);
}

Batch full_batch() {
  Batch batch;
  batch.collector = "rails";
  batch.started = at(1000);
  batch.finished = at(2000);
  batch.readings = {{Signal::rail_power_watts, "VDD_IN", "", 4.9600000000000001, at(1100)},
                    {Signal::rail_power_watts, "VDD_SOC", "", 0.1 + 0.2, at(900)},
                    {Signal::cpu_seconds, "0", "user", 1e-300, at(1000)}};
  ProcessReading p;
  p.id = {12, 34};
  p.role = ProcessRole::runner;
  p.cpu_time = 5s;
  p.model_blob = "abc";
  p.port = 4000;
  p.at = at(1500);
  batch.processes = {p};
  batch.lists_processes = true;
  batch.lists_gpu_processes = true;
  batch.gpu_processes = {{12, "0", 99}};
  batch.errors = {{ErrorReason::unavailable, "/sys/x: EAGAIN"}};
  batch.missed_slots = 2;
  return batch;
}

TEST(Recording, BatchesComeBackToTheLastBit) {
  BatchEncoder encoder;
  RecordDecoder decoder;
  const std::string line = encoder.encode(full_batch());
  std::istringstream series(encoder.take_new_series());
  int definitions = 0;
  for (std::string text; std::getline(series, text); ++definitions) EXPECT_FALSE(decoder.decode(text));
  EXPECT_EQ(definitions, 3);

  const auto record = decoder.decode(line);
  const Batch& read = std::get<Batch>(*record);
  const Batch written = full_batch();
  ASSERT_EQ(read.readings.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.readings[i].value, written.readings[i].value);
    EXPECT_EQ(read.readings[i].at, written.readings[i].at);
    EXPECT_EQ(read.readings[i].instance, written.readings[i].instance);
    EXPECT_EQ(read.readings[i].kind, written.readings[i].kind);
  }
  EXPECT_EQ(read.finished, written.finished);
  ASSERT_EQ(read.processes.size(), 1u);
  EXPECT_EQ(read.processes[0].id, written.processes[0].id);
  EXPECT_EQ(read.processes[0].cpu_time, 5s);
  EXPECT_EQ(read.processes[0].at, at(1500));
  EXPECT_FALSE(read.processes[0].resident_bytes);
  EXPECT_TRUE(read.lists_gpu_processes);
  EXPECT_EQ(read.errors.at(0).where, "/sys/x: EAGAIN");
  EXPECT_EQ(read.missed_slots, 2u);

  EXPECT_EQ(encoder.encode(full_batch()), line);
  EXPECT_EQ(encoder.take_new_series(), "");  // known now
}

TEST(Recording, EverySignalCanBeNamed) {
  BatchEncoder encoder;
  Batch batch;
  batch.collector = "all";
  for (std::size_t i = 0; i < kSignals; ++i)
    batch.readings.push_back({static_cast<Signal>(i), "", "", 1, at(0)});
  const std::string line = encoder.encode(batch);
  RecordDecoder decoder;
  std::istringstream series(encoder.take_new_series());
  for (std::string text; std::getline(series, text);) decoder.decode(text);
  EXPECT_EQ(std::get<Batch>(*decoder.decode(line)).readings.size(), kSignals);
}

TEST(Recording, NumbersThatAreNoneAreNull) {
  BatchEncoder encoder;
  Batch batch;
  batch.readings = {{Signal::fan_speed_rpm, "", "", std::numeric_limits<double>::infinity(), at(0)}};
  EXPECT_THAT(encoder.encode(batch), HasSubstr("[0,null,0]"));
}

std::string error_of(std::string_view line) {
  RecordDecoder decoder;
  try {
    decoder.decode(line);
  } catch (const RecordingError& e) {
    return e.what();
  }
  return "";
}

TEST(Recording, SaysWhatIsWrongWithALine) {
  EXPECT_THAT(error_of(R"({"k":"batch","coll)"), HasSubstr("cut"));
  EXPECT_THAT(error_of("[]"), HasSubstr("wrong"));
  EXPECT_THAT(error_of(R"({"k":"advance"})"), HasSubstr("'t'"));
  EXPECT_THAT(error_of(R"({"k":"advance","t":"x"})"), HasSubstr("wrong"));
  EXPECT_THAT(error_of(R"({"k":"progress","id":1,"t":2,"chunks":3,"gaps":[999,1],"gaps_sum":1})"),
              HasSubstr("out of range"));
  RecordDecoder decoder;
  EXPECT_THROW(decoder.decode(R"({"k":"telepathy"})"), UnknownRecord);
  EXPECT_THROW(decoder.decode(R"({"k":"series","n":1,"signal":"aura"})"), UnknownRecord);
  RecordingHead head;
  head.version = kRecordingVersion + 1;
  head.program = "9.9";
  EXPECT_THAT(error_of(encode(head)), HasSubstr("use tegrascope 9.9"));
  EXPECT_THROW(decoder.decode(encode(head)), NewerRecording);
}

TEST(Recording, WhatAClientWroteIsBounded) {
  RequestDescribed described;
  described.model = std::string(100000, 'x');
  EXPECT_LT(encode(RequestEvent(described)).size(), 2000u);
}

}  // namespace
}  // namespace tegrascope
