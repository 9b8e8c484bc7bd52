// Snapshots that tests of exporters share.
#pragma once

#include <chrono>
#include <utility>

#include "agent/model/snapshot.hpp"

namespace tegrascope {

// Every field filled, so that every family has a series; figures that a human can follow.
inline Snapshot full_snapshot() {
  using std::chrono::seconds;
  Snapshot s;
  s.at = MonotonicTime{seconds{100}};
  s.board =
      BoardIdentity{"NVIDIA Jetson Orin Nano \"8GB\"", "tegra234", "36.4.4", "6.2.1", "5.15.148-tegra", true};

  CollectorStatus gpu;
  gpu.name = "gpu";
  gpu.up = true;
  gpu.samples = 1000;
  gpu.sample_seconds = 0.25;
  gpu.missed_slots = 2;
  gpu.errors[ErrorReason::range] = 3;
  CollectorStatus nvml;
  nvml.name = "nvml";
  nvml.absent = true;
  s.collectors = {gpu, nvml};

  const auto read = [&](Signal signal, const char* instance, const char* kind, double value) {
    s.readings.push_back({signal, instance, kind, value, s.at});
  };
  read(Signal::cpu_seconds, "0", "user", 12.5);
  read(Signal::cpu_seconds, "0", "idle", 300);
  read(Signal::cpu_online, "0", "", 1);
  read(Signal::cpu_frequency_hertz, "0", "", 1.5104e9);
  read(Signal::cpu_frequency_max_hertz, "0", "", 1.728e9);
  read(Signal::nvpmodel_mode, "", "25W", 1);
  read(Signal::clocks_locked, "", "", 0);
  read(Signal::memory_total_bytes, "", "", 7990480896);
  read(Signal::memory_available_bytes, "", "", 1234567168);
  read(Signal::memory_bytes, "", "gpu", 4e9);
  read(Signal::memory_largest_free_block_bytes, "", "", 4194304);
  read(Signal::memory_stalled_seconds, "", "some", 1.5);
  read(Signal::oom_kills, "", "", 2);
  read(Signal::swap_in_bytes, "", "", 8192);
  read(Signal::swap_out_bytes, "", "", 16384);
  read(Signal::swap_total_bytes, "", "zram", 3995238400);
  read(Signal::swap_used_bytes, "", "zram", 0);
  read(Signal::gpu_utilization_ratio, "0", "", 0.97);
  read(Signal::gpu_frequency_hertz, "0", "", 624750000);
  read(Signal::gpu_frequency_max_hertz, "0", "", 624750000);
  read(Signal::gpu_railgated, "0", "", 0);
  read(Signal::gpu_memory_total_bytes, "0", "", 12884901888);
  read(Signal::gpu_memory_used_bytes, "0", "", 1073741824);
  read(Signal::emc_utilization_ratio, "", "", 0.55);
  read(Signal::emc_frequency_hertz, "", "", 2133000000);
  read(Signal::emc_bytes_per_second, "", "", 3.75e10);
  read(Signal::emc_peak_bytes_per_second, "", "", 102368000000);
  read(Signal::engine_on, "nvenc", "", 1);
  read(Signal::engine_frequency_hertz, "nvenc", "", 115200000);
  read(Signal::rail_averaging_seconds, "VDD_IN", "", 3.584);
  read(Signal::board_averaging_seconds, "", "", 3.584);
  read(Signal::rail_voltage_volts, "VDD_IN", "", 4.976);
  read(Signal::rail_current_amperes, "VDD_IN", "", 2.5);
  read(Signal::rail_power_watts, "VDD_IN", "", 12.44);
  read(Signal::board_power_watts, "", "input_rail", 12.44);
  read(Signal::temperature_celsius, "gpu", "", 55.5);
  read(Signal::temperature_trip_celsius, "gpu", "throttle", 99);
  read(Signal::cooling_state, "0", "pwm-fan", 1);
  read(Signal::cooling_max_state, "0", "pwm-fan", 3);
  read(Signal::throttled, "", "thermal", 0);
  read(Signal::throttle_events, "", "oc3", 27390);
  read(Signal::fan_duty_ratio, "1", "", 0.25);
  read(Signal::fan_speed_rpm, "1", "", 1773);
  read(Signal::self_cpu_seconds, "", "", 1.25);
  read(Signal::self_resident_bytes, "", "", 15000000);
  read(Signal::self_virtual_bytes, "", "", 90000000);
  read(Signal::self_open_fds, "", "", 30);
  read(Signal::self_max_fds, "", "", 1024);
  read(Signal::self_start_time_seconds, "", "", 1763856000);
  read(Signal::boot_time_seconds, "", "", 1763850000);
  s.rail_energy_nj["VDD_IN"] = 1'000'000'000'000;

  s.emc_busy_seconds = 60;
  s.emc_transferred_bytes = 4e12;
  s.throttled_seconds = {{"overcurrent", 12}, {"thermal", 0}};
  s.thermal_throttle_events = 2;

  s.ledger.energy_known = s.ledger.gpu_known = true;
  s.ledger.measured_energy_nj = 1'000'000'000'000;
  s.ledger.measured_gpu_busy_ns = 40'000'000'000;
  s.ledger.pending_energy_nj = 50'000'000'001;
  s.ledger.pending_gpu_busy_ns = 3'000'000'000;
  s.ledger.unattributed_energy_nj[Unattributed::idle] = 600'000'000'000;
  s.ledger.unattributed_energy_nj[Unattributed::other] = 49'999'999'999;
  s.ledger.unattributed_gpu_busy_ns[Unattributed::bypass] = 2'000'000'000;

  ServerView server;
  server.state.server = {"127.0.0.1:11434", "http://127.0.0.1:11434", 812};
  server.state.up = true;
  server.state.version = "0.33.0";
  server.state.models_known = true;
  ResidentModel resident;
  resident.name = "qwen2.5:7b";
  resident.family = "qwen2";
  resident.parameter_size = "7.6B";
  resident.quantization = "Q4_K_M";
  resident.size_bytes = 6000000000;
  resident.size_vram_bytes = 4500000000;
  resident.context_length = 4096;
  server.state.models = {resident};
  server.gpu_memory_bytes["qwen2.5:7b"] = 4400000000;
  server.busy_seconds = {{Witness::relay, 30.0}, {Witness::process, 2.0}, {Witness::log, 1.0}};
  server.log = ServerLog{"127.0.0.1:11434",
                         true,
                         "",
                         Placement::gpu,
                         29,
                         29,
                         {"CUDA0"},
                         ReasonClass::none,
                         {{ReasonClass::oom_alloc, 2}},
                         1,
                         3};
  s.servers = {server};

  ModelView m;
  m.server = "127.0.0.1:11434";
  m.model = "qwen2.5:7b";
  m.requests[{"/api/chat", 200}] = 5;
  m.requests[{"/api/chat", 499}] = 1;
  m.aborted["client"] = 1;
  m.in_flight_generating = 1;
  m.duration_seconds.try_emplace(Operation::chat, kRequestDurationEdges).first->second.observe(7.25);
  m.first_token_seconds.observe(0.5);
  m.inter_token_seconds.observe(0.107);
  m.inter_token_seconds.observe(3);
  m.joules_per_token.observe(1.1);
  m.input_tokens = 130;
  m.output_tokens = 320;
  m.phase_ns[Phase::decode] = 34'250'000'000;
  m.attributed[Phase::decode] = {300'000'000'000, 100'000'000'000, 35'000'000'000, 10'500'000'000};
  m.roofline = {4, 1.5e12, 3.5e12, seconds{34}, 1};
  m.verdicts[Placement::gpu] = 5;
  m.qualities = {{'A', 4}, {'C', 1}};
  m.placement = Placement::gpu;
  m.fallback = Fallback{ReasonClass::vram_too_small, "it does not fit", "sudo sysctl vm.drop_caches=3"};
  m.fallbacks[ReasonClass::none] = 2;
  s.models = {m};

  s.headroom = memory_headroom(s.readings, {server.state});
  Books carried;
  carried.measured = {700'000'000'000, 9'000'000'000};
  carried.interrupted = {100'000'000'000, 0};
  carried.unattributed[Unattributed::idle] = {400'000'000'000, 0};
  carried.attributed[{"127.0.0.1:11434", "qwen2.5:7b"}][Phase::decode] = {200'000'000'000, 50'000'000'000,
                                                                          9'000'000'000, 1'000'000'000};
  s.carried = std::make_shared<const Books>(carried);
  LearnedState learned;
  learned.baselines = {{2, false, true, 5, 4.5, 60'000'000'000}};
  learned.series = {{"token_rate", "127.0.0.1:11434", "qwen2.5:7b", Phase::decode, {9.25, 9.75, 9.5}}};
  s.learned = std::make_shared<const LearnedState>(learned);
  s.storage = StorageView{true, "", 3, 1763700000, 1763899990};

  s.capture = CaptureView{true, "", 5000, 3, 2, 4096, 1};
  s.observation_errors["usage_missing"] = 4;
  s.label_overflow_models = 2;
  s.dropped_events = 6;
  s.relay = RelayView{3,
                      1000,
                      20000,
                      {{"framing", 1}, {"host", 2}, {"guard", 3}, {"slow_head", 4}},
                      {{"limit", 5}, {"evicted", 6}},
                      7};
  Event fallback;
  fallback.kind = EventKind::fallback;
  fallback.at = MonotonicTime{seconds{90}};
  fallback.wall = WallTime{seconds{1'700'000'000} + std::chrono::milliseconds{12}};
  fallback.server = "127.0.0.1:11434";
  fallback.model = "qwen2.5:7b";
  fallback.reason = ReasonClass::container_lost_gpu;
  fallback.cure = "docker restart ollama";
  fallback.text = "runs on the CPU";
  s.events = {fallback};
  s.event_counts = {{EventKind::fallback, 1}, {EventKind::recovery, 0}};
  s.web_hook = WebHookView{3, 2, 1};
  s.incidents = IncidentsView{4, 1};
  return s;
}

// A source whose snapshot a test replaces.
class FixedSource : public SnapshotSource {
 public:
  FixedSource() : latest_(std::make_shared<const Snapshot>()) {}
  explicit FixedSource(Snapshot snapshot) { set(std::move(snapshot)); }
  void set(Snapshot snapshot) { latest_ = std::make_shared<const Snapshot>(std::move(snapshot)); }
  SnapshotPtr latest() override { return latest_; }

 private:
  SnapshotPtr latest_;
};

}  // namespace tegrascope
