// A scenario of the virtual clock: what the board is, who asks Ollama for what, and which faults the sensors
// have. Read from a JSON file in which // comments are allowed; docs/simulator.md describes each key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/words.hpp"
#include "simulator/models.hpp"

namespace tegrascope::simulator {

struct Range {
  double low = 0;
  double high = 0;
};

// What a client calls. openai: /v1/chat/completions, whose answers carry no durations. load: an empty prompt.
enum class Api : std::uint8_t { chat, generate, openai, embed, load };

// Clients alike. Either `per_hour` arrivals at random times, or `users` who send the next request a pause
// after the last answer.
struct TrafficGroup {
  std::string model = "qwen2.5:7b";
  Api api = Api::chat;
  bool streamed = true;
  double per_hour = 0;
  int users = 0;
  Range pause_seconds{1, 5};
  Range prompt_tokens{50, 400};  // these two are drawn with equal odds per octave
  Range output_tokens{20, 300};
  Range cached_share{0, 0};    // of the prompt, that Ollama has in its cache
  double cancelled_share = 0;  // of the requests: the client leaves in mid-answer
  double from_seconds = 0;
  double until_seconds = std::numeric_limits<double>::infinity();
  std::int64_t count = 0;      // at most so many requests; 0: no limit
  std::optional<int> num_gpu;  // options.num_gpu of the request
  int tokens_per_chunk = 1;    // speculative decoding streams several at once
};

// Work on the board that is not Ollama's.
struct ForeignJob {
  double at_seconds = 0;
  double for_seconds = 0;
  double cores = 0;
  double gpu = 0;    // share of time; above 0 it takes turns with Ollama
  double watts = 0;  // above idle
  double slows =
      1;  // what is left of the speed and the GPU load of decoding while it keeps the launches waiting
};

enum class SensorFaultKind : std::uint8_t {
  missing,  // an error instead of a reading
  frozen,   // the last value again and again
  silent,   // nothing is delivered at all
  stuck     // `value` again and again; of gpu only
};

struct SensorFault {
  double at_seconds = 0;
  double for_seconds = 0;
  std::string sensor = "power";  // power, gpu, cpu, processes, board (clocks, mode, swap), all
  SensorFaultKind kind = SensorFaultKind::missing;
  double value = 0;
};

// What ends at a change: nothing, the model's runner (it crashes, its requests fail), or Ollama as a whole.
enum class Restart : std::uint8_t { none, runner, ollama };

// Something is otherwise from a time on. Absent: as before. What concerns a model holds for runners that start from
// then on; an empty name means all models.
struct ScenarioChange {
  double at_seconds = 0;
  Restart restart = Restart::none;
  std::string model;
  std::optional<Placement> placement;
  std::optional<double> gpu_fraction;    // of the layers, for partial
  std::optional<double> declared_share;  // size_vram / size that /api/ps tells; else the truth
  std::optional<double> logged_share;    // of the layers, that the log tells; else the truth
  std::optional<bool> asked_for_cpu;     // the runner has -ngl 0
  std::optional<double> rate;            // of decode, relative to the table of models
  std::optional<double> gpu_load;        // of a decode on the GPU
  std::optional<double> gpu_cores;       // of the runner, in a decode on the GPU
  std::optional<Placement> prompt;  // where prompts are evaluated: gpu or cpu; else as the placement has it
  std::optional<std::string> version;  // of Ollama

  std::optional<double> gpu_speed;  // of the board, relative to the table: power mode, throttling; at once
  std::optional<double> cpu_speed;
  std::optional<double> gpu_hertz;  // highest clock in force
  std::optional<int> power_mode;    // of nvpmodel
  std::optional<bool> throttled;    // clocks are held down by heat
  std::optional<double> swap_in_bytes_per_second;
  std::optional<double> stalled_share;  // of time that a task waits for memory
};

// How the model's engine looks: llama-server (Ollama 0.30 and later, has /slots) or `ollama runner`.
enum class RunnerSort : std::uint8_t { llama_server, ollama_runner };

// What a scenario must come to, by its author; never computed from the code under test. `detect_within`: eligible
// requests (decode of 1 s and 16 tokens at least) after a model came to the CPU, or partly there, until the gauge
// says so; 0: it need not.
struct Expectation {
  std::vector<std::string> placement;  // of the gauge at the end, any of: gpu, partial, cpu, none, truth
  std::vector<std::string> verdicts;  // that eligible requests may get, `truth` for the right one; empty: any
  std::vector<std::string> any_verdicts;  // that any request may get; empty: any
  std::vector<std::string> reasons;       // why figures are less sure: each is with one request at least
  int detect_within = 0;
  int clear_within = 0;            // eligible requests after the model came back to the GPU; 0: it need not
  bool alarm = false;              // a fallback is counted; false: none may be
  bool at_load = false;            // the gauge tells before the first request has ended
  std::vector<std::string> flags;  // each is on one verdict at least
  Range gpu_share{0, 1};           // that partial verdicts name
};

struct PlacementExpectation {
  int row = 0;  // of the matrix
  std::string title;
  Expectation unprivileged;  // seen by busy runners, slots and polls alone
  Expectation all;           // also by a relay, the log and /proc/PID/maps
  std::string lacks;         // the evidence that the unprivileged agent is without here
};

struct VirtualScenario {
  std::string description;
  double duration_seconds = 3600;  // requests arrive until then
  double lead_in_seconds = 180;    // idle before the first request

  double ripple_watts = 1.25;         // peak to peak, at the token rate of a decode
  double leakage_per_degree = 0.001;  // idle power grows with heat
  double background_cores = 0.06;     // other processes, always; their power is part of idle

  int parallel = 1;  // OLLAMA_NUM_PARALLEL
  double disk_bytes_per_second = 1.2e9;
  double memory_bytes = 6.5e9;
  double keep_alive_seconds = 300;
  Range eviction_seconds{0.4, 1.5};
  Placement placement = Placement::gpu;
  double gpu_fraction = 1;           // for partial
  std::vector<std::string> preload;  // resident at the start
  RunnerSort runner = RunnerSort::llama_server;
  bool log_readable = true;
  bool reuse_pid = false;  // each runner has the pid of the one before

  double rate_hz = 10;        // while a request is in flight; 1 Hz or less otherwise
  int averaging_samples = 1;  // of the power monitor
  double noise_watts = 0.03;  // of one conversion
  double gain = 0;            // relative error
  double offset_watts = 0;
  double jitter_ms = 5;     // of the times that the witness sees
  bool relayed = true;      // the clients come through the relay, where there is one
  double agent_starts = 0;  // seconds; the agent has seen nothing before

  std::vector<TrafficGroup> traffic;
  std::vector<ForeignJob> foreign;
  std::vector<SensorFault> faults;
  std::vector<ScenarioChange> changes;  // by time
  std::optional<PlacementExpectation> expect;
};

// Throws std::invalid_argument that names the key, what is wrong with it and what is allowed.
VirtualScenario parse_scenario(std::string_view text);

// As parse_scenario; the message names the file. Throws std::runtime_error when it cannot be read.
VirtualScenario read_scenario(const std::filesystem::path& file);

}  // namespace tegrascope::simulator
