#include "collectors/ollama/log/log_decoder.hpp"

#include <algorithm>
#include <array>

#include "collectors/ollama/log/gin_line.hpp"
#include "collectors/ollama/log/log_wordings.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string name_of(std::string_view text) { return std::string(trim(text).substr(0, kMaxLogText)); }

// "[cpu cuda_v11 cuda_v12]", also without brackets.
std::vector<std::string> list_of(std::string_view text) {
  constexpr std::size_t kMost = 32;
  std::vector<std::string> list;
  text = text.substr(0, text.find(']'));
  for (const std::string_view field : split_fields(text.substr(0, kMost * kMaxLogText))) {
    const std::string_view name = field.front() == '[' ? field.substr(1) : field;
    if (!name.empty() && list.size() < kMost) list.push_back(name_of(name));
  }
  return list;
}

// The word behind `key` up to a blank or one of `ends`.
std::string_view word_after(std::string_view text, std::string_view key, std::string_view ends = " ]\"") {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find_first_of(ends));
}

// "/tmp/ollama123/runners/cuda_v12/ollama_llama_server", "/tmp/ollama123/cpu_avx2/libext_server.so": the
// folder.
std::string variant_of(std::string_view path) {
  const std::size_t file = path.find_last_of("/\\");
  if (file == std::string_view::npos || file == 0) return {};
  path = path.substr(0, path[file - 1] == '\\' ? file - 1 : file);
  const std::size_t folder = path.find_last_of("/\\");
  return name_of(path.substr(folder == std::string_view::npos ? 0 : folder + 1));
}

LogLoadStarted started_by(std::string_view command) {
  LogLoadStarted started;
  const std::string_view program = command.substr(0, command.find(' '));
  if (contains(program, "runners")) started.variant = variant_of(program);
  for (const std::string_view flag : {" --n-gpu-layers ", " -ngl "}) {
    if (!started.gpu_layers) started.gpu_layers = integer_after(command, flag);
  }
  return started;
}

LogCompute compute_of(const SlogLine& line) {
  LogCompute compute;
  compute.id = name_of(line["id"]);
  compute.library = lower(name_of(line["library"]));
  compute.variant = name_of(line["variant"]);
  compute.name = name_of(line["name"]);
  compute.description = name_of(line["description"]);
  compute.compute = name_of(line["compute"]);
  compute.driver = name_of(line["driver"]);
  compute.type = name_of(line["type"]);
  compute.total_bytes = parse_byte_size(line["total"]);
  compute.available_bytes = parse_byte_size(line["available"]);
  return compute;
}

LogPlan plan_of(const SlogLine& line) {
  LogPlan plan;
  plan.library = lower(name_of(line["library"]));
  plan.requested = leading_integer(line["layers.requested"]);
  plan.layers = leading_integer(line["layers.offload"]);
  if (!plan.layers) plan.layers = leading_integer(line["layers.real"]);  // to 0.1.40
  plan.layers_total = leading_integer(line["layers.model"]);
  return plan;
}

// "GPULayers:37[ID:GPU-... Layers:20(0..19) ...]"; an empty list has no number.
LogLayout layout_of(std::string_view operation, std::string_view layers) {
  return {name_of(operation), std::max<std::int64_t>(leading_integer(layers).value_or(0), 0)};
}

// The runner's "msg=system": attributes "CUDA.0.ARCHS=...", to 0.5 info="CPU : AVX = 1 | CUDA : ...".
LogBackend system_of(const SlogLine& line) {
  LogBackend backend{"cpu", true};
  for (const auto& [key, value] : line.attributes) {
    for (const std::string_view library : {"CUDA", "ROCm", "Vulkan", "Metal"}) {
      if (key.starts_with(library) || (key == "info" && contains(value, std::string(library) + " :")))
        backend.library = lower(library);
    }
  }
  return backend;
}

std::optional<LogBuffer> memory_of(const SlogLine& line) {
  LogBuffer buffer;
  if (line.message == "model weights") buffer.kind = "model";
  if (line.message == "kv cache") buffer.kind = "kv";
  if (line.message == "compute graph") buffer.kind = "compute";
  const auto bytes = parse_byte_size(line["size"]);
  if (buffer.kind.empty() || !bytes) return std::nullopt;
  for (const std::string_view key : {"device", "buffer", "buffer_type"}) {
    if (buffer.device.empty()) buffer.device = name_of(line[key]);
  }
  buffer.bytes = *bytes;
  return buffer;
}

LogTrouble device_trouble(ReasonClass reason) { return {LogTrouble::Kind::device, reason}; }

bool hides_all_devices(std::string_view value) { return value.starts_with('-'); }

constexpr std::string_view kOffloadTo = "offload to ";

constexpr std::array<std::string_view, 4> kLoadFailures{"error loading llama server", "Load failed",
                                                        "NewLlamaServer failed", "failed to create server"};

}  // namespace

BufferPlace buffer_place(std::string_view device) {
  if (device.ends_with("Host") || device.ends_with("_Host)")) return BufferPlace::host;
  for (const std::string_view name : {"CPU", "BLAS", "AMX", "ACCEL"}) {
    if (device.starts_with(name)) return BufferPlace::cpu;
  }
  return BufferPlace::gpu;
}

void LogDecoder::decode(std::string_view line, const Sink& sink) {
  const std::string plain = plain_log_text(line);
  const std::string_view text = plain;
  const std::size_t slog = find_slog(text);
  std::string_view head = text.substr(0, slog);

  std::size_t gin = find_gin(head);
  const std::string_view c_text = trim(head.substr(0, gin));
  if (!c_text.empty()) decode_c_text(c_text, sink);
  while (gin != std::string_view::npos) {
    head.remove_prefix(gin);
    gin = find_gin(head.substr(1));
    if (gin != std::string_view::npos) ++gin;
    if (auto request = parse_gin(head.substr(0, gin))) sink(std::move(*request));
  }
  if (slog != std::string_view::npos) decode_slog(parse_slog(text.substr(slog)), sink);
}

void LogDecoder::decode_slog(const SlogLine& line, const Sink& sink) {
  const std::string_view message = line.message;
  const std::string_view error = line["error"];
  if (message == "inference compute") {
    sink(compute_of(line));
  } else if (message == "offload" || message.starts_with(kOffloadTo)) {
    LogPlan plan = plan_of(line);
    if (message.starts_with(kOffloadTo)) plan.library = lower(name_of(message.substr(kOffloadTo.size())));
    send_plan(std::move(plan), sink);
  } else if (message == "loading model" && !line["model layers"].empty()) {
    LogPlan plan;
    plan.layers_total = leading_integer(line["model layers"]);
    plan.requested = leading_integer(line["requested"]);
    send_plan(std::move(plan), sink);
  } else if (message == "starting llama server" || message == "starting runner" ||
             message == "starting llama-server") {
    // Without a model it is the process that looks for GPUs.
    const std::string_view command = line["cmd"];
    if (contains(command, " --model ") || !contains(command, " --port ")) send(started_by(command), sink);
  } else if (message == "load" && contains(line["request"], "Operation:")) {
    const std::string_view request = line["request"];
    const std::size_t layers = request.find("GPULayers:");
    const std::string_view operation = word_after(request, "Operation:");
    if (layers != std::string_view::npos && operation != "close")
      sink(layout_of(operation, request.substr(layers + 10)));
  } else if (message == "new layout created") {
    sink(layout_of("", line["layers"]));
  } else if (auto buffer = memory_of(line)) {
    send(std::move(*buffer), sink);
  } else if (message == "system") {
    sink(system_of(line));
  } else if (message == "evaluating") {
    evaluated_library_ = lower(name_of(line["library"]));
  } else if (message == "server config") {
    send_server_config(line["env"], sink);
  } else if (message == "user override") {
    if (line["OLLAMA_LLM_LIBRARY"].starts_with("cpu")) sink(device_trouble(ReasonClass::forced_cpu));
  } else if (message == "user overrode visible devices") {
    if (hides_all_devices(line["CUDA_VISIBLE_DEVICES"])) sink(device_trouble(ReasonClass::forced_cpu));
  } else if (message == "Dynamic LLM libraries" && !line["runners"].empty()) {
    sink(LogRunners{list_of(line["runners"])});
  } else if (message == "entering low vram mode" || message == "vram-based default context") {
    if (line["total vram"] == "0 B" || line["total_vram"] == "0 B") sink(device_trouble(ReasonClass::no_gpu));
  } else if (message == "Searching for GPU library") {
    searches_cuda_ = contains(line["name"], "libcuda.so") || contains(line["name"], "libnvidia-ml");
  } else if (message == "discovered GPU libraries") {
    if (searches_cuda_ && line["paths"] == "[]") sink(device_trouble(ReasonClass::no_gpu_library));
  } else if (message == "detected GPUs" && leading_integer(line["count"]).value_or(0) > 0) {
    LogCompute compute;
    compute.library = "cuda";
    sink(std::move(compute));
  } else if (message == "loaded runners" ||
             message.starts_with("runner with non-zero duration has gone idle")) {
    sink(LogModelPresent{});
  } else if (std::find(kLoadFailures.begin(), kLoadFailures.end(), message) != kLoadFailures.end()) {
    send({failure_reason(error)}, sink);
  } else if (message == "llama runner terminated" || message == "llama-server terminated") {
    // An unload kills the runner as well.
    if (!contains(error, "signal: killed")) sink(LogTrouble{LogTrouble::Kind::fatal, failure_reason(error)});
  } else if (message.ends_with("process no longer running")) {
    sink(LogTrouble{LogTrouble::Kind::fatal, failure_reason(line["string"])});
  } else if (!decode_message(message, sink)) {
    auto trouble = find_trouble(message);
    if (!trouble) trouble = find_trouble(error);
    if (trouble) sink(LogTrouble{*trouble});
  }
}

bool LogDecoder::decode_message(std::string_view text, const Sink& sink) {
  if (const auto layers = integer_after(text, "offloaded ")) {
    const auto total = integer_after(text.substr(text.find("offloaded ")), "/");
    if (!total || !contains(text, "layers to GPU") || *layers < 0 || *total < 1) return false;
    sink(LogOffload{*layers, *total});
  } else if (contains(text, "Listening on ")) {
    evaluated_library_.clear();
    sink(LogServer{name_of(word_after(text, "(version ", ") "))});
  } else if (contains(text, "INFO server config env=")) {
    send_server_config(text, sink);
  } else if (contains(text, "Dynamic LLM libraries [") || contains(text, "Dynamic LLM variants [")) {
    const std::size_t marker = text.find("Dynamic LLM ");  // "ollama[812]:" of journald stands before it
    sink(LogRunners{list_of(text.substr(text.find('[', marker)))});
  } else if (contains(text, "llama runner started in ") || contains(text, "llama-server started in ")) {
    const auto seconds = number_after(text, " started in ");
    if (!seconds || *seconds < 0) return false;
    attempt_failed_ = false;
    sink(LogLoad{*seconds, devices_});
  } else if (contains(text, "error starting llama runner") ||
             contains(text, "error starting the external llama") ||
             contains(text, "process has terminated")) {
    send({failure_reason(text)}, sink);
  } else if (contains(text, "starting llama runner")) {
    LogLoadStarted started;
    started.fallback = attempt_failed_;
    send(std::move(started), sink);
  } else if (contains(text, "Loading Dynamic ") && contains(text, "llm server: ")) {
    LogLoadStarted started;
    started.variant = variant_of(word_after(text, "llm server: "));
    send(std::move(started), sink);
  } else if (contains(text, "VRAM available, loading up to ")) {
    LogPlan plan;
    plan.library = "cuda";
    send_plan(std::move(plan), sink);
  } else if (contains(text, "Nvidia GPU detected") || contains(text, "Radeon GPU detected")) {
    LogCompute compute;
    compute.library = contains(text, "Nvidia") ? "cuda" : "rocm";
    sink(std::move(compute));
  } else if (contains(text, "Loading OLLAMA_LLM_LIBRARY=cpu")) {
    sink(device_trouble(ReasonClass::forced_cpu));
  } else if (contains(text, "because num_gpu=0")) {
    LogPlan plan;
    plan.requested = 0;
    send_plan(std::move(plan), sink);
  } else if (contains(text, "aborting completion request")) {
    sink(LogAbort{LogAbort::What::completion});
  } else if (contains(text, "aborting embedding")) {
    sink(LogAbort{LogAbort::What::embedding});
  } else if (contains(text, "finished loading, aborting load")) {
    sink(LogAbort{LogAbort::What::load});
  } else {
    return false;
  }
  return true;
}

void LogDecoder::send(LogBuffer&& buffer, const Sink& sink) {
  constexpr std::size_t kMostDevices = 64;
  const bool known = std::find(devices_.begin(), devices_.end(), buffer.device) != devices_.end();
  if (buffer.bytes > 0 && buffer_place(buffer.device) == BufferPlace::gpu && !known &&
      devices_.size() < kMostDevices)
    devices_.push_back(buffer.device);
  sink(std::move(buffer));
}

void LogDecoder::send(LogLoadStarted&& started, const Sink& sink) {
  devices_.clear();
  sink(std::move(started));
}

void LogDecoder::send(LogLoadFailed&& failed, const Sink& sink) {
  devices_.clear();
  attempt_failed_ = true;
  sink(std::move(failed));
}

void LogDecoder::send_plan(LogPlan&& plan, const Sink& sink) {
  if (plan.library == "gpu" && !evaluated_library_.empty()) plan.library = evaluated_library_;
  devices_.clear();
  attempt_failed_ = false;
  sink(std::move(plan));
}

void LogDecoder::send_server_config(std::string_view environment, const Sink& sink) {
  sink(LogServer{});
  if (word_after(environment, "OLLAMA_LLM_LIBRARY:").starts_with("cpu") ||
      hides_all_devices(word_after(environment, "CUDA_VISIBLE_DEVICES:")))
    sink(device_trouble(ReasonClass::forced_cpu));
}

}  // namespace tegrascope
