// A scenario of the virtual clock: what the board is, who asks Ollama for what, and which faults the sensors
// have. Read from a JSON file in which // comments are allowed; docs/simulator.md describes each key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
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
  std::int64_t count = 0;  // at most so many requests; 0: no limit
};

// Work on the board that is not Ollama's.
struct ForeignJob {
  double at_seconds = 0;
  double for_seconds = 0;
  double cores = 0;
  double gpu = 0;    // share of time; above 0 it takes turns with Ollama
  double watts = 0;  // above idle
};

enum class SensorFaultKind : std::uint8_t {
  missing,  // an error instead of a reading
  frozen,   // the last value again and again
  silent    // nothing is delivered at all
};

struct SensorFault {
  double at_seconds = 0;
  double for_seconds = 0;
  std::string sensor = "power";  // power, gpu, cpu, processes, all
  SensorFaultKind kind = SensorFaultKind::missing;
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

  double rate_hz = 10;        // while a request is in flight; 1 Hz or less otherwise
  int averaging_samples = 1;  // of the power monitor
  double noise_watts = 0.03;  // of one conversion
  double gain = 0;            // relative error
  double offset_watts = 0;
  double jitter_ms = 5;  // of the times that the witness sees

  std::vector<TrafficGroup> traffic;
  std::vector<ForeignJob> foreign;
  std::vector<SensorFault> faults;
};

// Throws std::invalid_argument that names the key, what is wrong with it and what is allowed.
VirtualScenario parse_scenario(std::string_view text);

// As parse_scenario; the message names the file. Throws std::runtime_error when it cannot be read.
VirtualScenario read_scenario(const std::filesystem::path& file);

}  // namespace tegrascope::simulator
