// What collectors deliver. Values are in base units (seconds, bytes, hertz, degrees Celsius, volts, amperes,
// watts, ratio 0-1), converted where they were read. A sensor without a value gives no reading: absent is not
// zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/time.hpp"
#include "agent/model/words.hpp"

namespace tegrascope {

// What a reading measures. `instance` and `kind` of Reading qualify it as the comment says.
enum class Signal : std::uint8_t {
  cpu_seconds,          // counter; instance: core number, kind: mode (user, nice, system, idle, iowait, ...)
  cpu_online,           // 0 or 1; instance: core number
  cpu_frequency_hertz,  // instance: core number
  cpu_frequency_max_hertz,          // limit in force; instance: core number
  memory_total_bytes,               // shared by CPU and GPU
  memory_available_bytes,           // MemAvailable
  memory_bytes,                     // kind: gpu, anon, cache, kernel, free; the kinds add up to the total
  memory_largest_free_block_bytes,  // contiguous
  memory_stalled_seconds,           // counter; kind: some (one task waited), full (all did)
  oom_kills,                        // counter
  swap_total_bytes,                 // kind: zram, disk
  swap_used_bytes,                  // kind: zram, disk
  swap_in_bytes,                    // counter
  swap_out_bytes,                   // counter
  gpu_utilization_ratio,            // instance: GPU number
  gpu_frequency_hertz,              // instance: GPU number
  gpu_frequency_max_hertz,          // instance: GPU number
  gpu_railgated,                    // 0 or 1: powered off; instance: GPU number
  gpu_memory_total_bytes,           // a card's own memory; instance: GPU number
  gpu_memory_used_bytes,            // a card's own memory; instance: GPU number
  emc_utilization_ratio,            // memory controller
  emc_frequency_hertz,              // memory controller
  emc_bytes_per_second,             // estimate: utilization times what the bus can carry at its clock
  emc_peak_bytes_per_second,        // what the bus can carry at its highest clock
  engine_on,                        // 0 or 1; instance: nvenc, nvdec, nvjpg, vic, ofa, nvdla0, ...
  engine_frequency_hertz,           // while on; instance: as engine_on
  rail_voltage_volts,               // instance: rail name
  rail_current_amperes,             // instance: rail name
  rail_power_watts,                 // instance: rail name; rails overlap, never add them up
  rail_energy_joules,        // counter of the sensor's own, from wherever it began; instance: rail name
  rail_averaging_seconds,    // time constant of the sensor's own running average; instance: rail name
  board_averaging_seconds,   // the same of what board_power_watts is made of
  board_power_watts,         // the whole module, each watt counted once; kind: input_rail or rail_sum
  temperature_celsius,       // instance: thermal zone, lower case, without -therm or -thermal
  temperature_trip_celsius,  // instance: thermal zone, kind: throttle, shutdown
  cooling_state,             // instance: number of the cooling device, kind: its type
  cooling_max_state,         // instance, kind: as cooling_state
  throttled,                 // 0 or 1: clocks are held down; kind: thermal, overcurrent
  throttle_events,           // counter; kind: oc1, oc2, oc3
  fan_duty_ratio,            // instance: number of the fan
  fan_speed_rpm,             // instance: number of the fan
  nvpmodel_mode,             // number of the power mode in force; kind: its name, empty when unknown
  clocks_locked,             // 0 or 1: lowest and highest clock of GPU and CPU are the same
  self_cpu_seconds,          // counter; CPU time of the agent itself
  self_resident_bytes,       // agent itself
  self_virtual_bytes,        // agent itself
  self_open_fds,             // agent itself
  self_max_fds,              // agent itself
  self_start_time_seconds,   // agent itself, Unix time
  boot_time_seconds          // Unix time the board booted
};

struct Reading {
  Signal signal{};
  std::string instance;  // which one: rail, zone, core, GPU; empty when there is only one
  std::string kind;      // sub-division, as documented at Signal
  double value = 0;
  MonotonicTime at{};  // midpoint of the read, before any lag correction
};

// A process of Ollama's, identified by pid AND start time (a pid alone can be reused).
enum class ProcessRole : std::uint8_t {
  serve,  // `ollama serve`
  runner  // a model's engine: ollama_llama_server, `ollama runner`, llama-server (with --model)
};

struct ProcessId {
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

struct ProcessReading {
  ProcessId id;
  ProcessRole role{};
  std::int64_t parent_pid = 0;
  std::int64_t serve_pid = 0;           // the `ollama serve` it belongs to (itself for a serve); 0 unknown
  std::optional<Nanoseconds> cpu_time;  // user + system, all threads, since the process began
  std::optional<std::uint64_t> resident_bytes;
  std::string model_blob;   // runner: hex digest in --model .../sha256-<digest>; empty unknown
  std::optional<int> port;  // runner: --port
  std::optional<int> gpu_layers_requested;  // runner: -ngl / --n-gpu-layers / --gpu-layers
  std::optional<int> threads;               // runner: -t / --threads
  std::optional<int> slots;                 // runner: -np / --parallel, requests that it works on at once
  // Runner: GPU code (libcuda, libggml-cuda) is mapped into it. Absent: /proc/PID/maps may not be read, or it is
  // too early to tell.
  std::optional<bool> gpu_library;
  std::optional<MonotonicTime> began{};  // to 10 ms; absent: not known
  MonotonicTime at{};
};

// The slots of a runner were read: its decodes are told there.
struct SlotsSeen {
  ProcessId runner;
};

// Memory that a process holds on a GPU, as the driver counts it.
struct GpuProcess {
  std::int64_t pid = 0;
  std::string gpu;  // number
  std::uint64_t memory_bytes = 0;
};

struct ReadError {
  ErrorReason reason{};
  std::string where;  // the path, then the offending text: enough to mend it from the log line alone
};

// Identity of the board, read once (device tree and /etc/nv_tegra_release); empty strings are unknown.
struct BoardIdentity {
  std::string
      module;       // e.g. "NVIDIA Jetson Orin Nano 8GB"; of a board not in the table the device tree's model
  std::string soc;  // e.g. "tegra234"
  std::string l4t;  // e.g. "36.4.4"
  std::string jetpack;      // e.g. "6.2.1"
  std::string kernel;       // uname -r
  bool jetson = false;      // the device tree names a Tegra SoC
  int memory_bus_bits = 0;  // width of the memory bus; 0 unknown
};

// Everything one collector delivered in one slot.
struct Batch {
  std::string collector;  // its name, as in --collector.NAME
  MonotonicTime started{};
  MonotonicTime finished{};
  std::vector<Reading> readings;
  std::vector<ProcessReading> processes;  // only from the collector `processes`; complete list of those alive
  bool lists_processes = false;           // true: `processes` is complete, whoever is missing has ended
  std::vector<GpuProcess> gpu_processes;  // only from the collector `nvml`
  bool lists_gpu_processes = false;       // true: `gpu_processes` is what the driver lists now
  std::vector<ReadError> errors;          // sensors that exist and gave no value this time
  bool absent = false;                    // this board has no such hardware: no collector_up series
  std::uint64_t missed_slots = 0;         // slots the sampler had to skip since the last batch
};

}  // namespace tegrascope
