// What the virtual Ollama shows of itself: polls, processes, log, slots.
#include <algorithm>

#include "simulator/board.hpp"
#include "simulator/virtual/ollama.hpp"

namespace tegrascope::simulator {
namespace {

Nanoseconds ticks_of(double seconds) {
  return std::chrono::milliseconds{10} * static_cast<std::int64_t>(seconds * 100.0);
}

}  // namespace

ServerState VirtualOllama::state(MonotonicTime at) const {
  ServerState out;
  out.server = {"127.0.0.1:11434", "http://127.0.0.1:11434", serve_.pid};
  out.up = true;
  out.version = conditions_.board().version;
  out.models_known = true;
  out.at = at;
  for (const auto& [name, runner] : runners_) {
    if (!runner.ready) continue;
    const SimulatedModel& model = *runner.model;
    const double in_gpu = runner.setup.declared();
    ResidentModel resident;
    resident.name = model.name;
    resident.digest = manifest_digest(model);
    resident.model_blob = blob_digest(model);
    resident.family = model.family;
    resident.parameter_size = model.parameter_size;
    resident.quantization = model.quantization;
    resident.size_bytes = model.weights_bytes + model.working_bytes;
    resident.size_vram_bytes =
        static_cast<std::uint64_t>(in_gpu * static_cast<double>(model.weights_bytes + model.working_bytes));
    resident.context_length = 4096;
    out.models.push_back(std::move(resident));
  }
  return out;
}

std::vector<ProcessReading> VirtualOllama::processes(MonotonicTime at) const {
  std::vector<ProcessReading> out;
  ProcessReading serve;
  serve.id = serve_;
  serve.role = ProcessRole::serve;
  serve.serve_pid = serve_.pid;
  serve.cpu_time = ticks_of(3.1 + workload_.serve_cpu_seconds() - serve_cpu_at_start_);
  serve.at = at;
  out.push_back(serve);
  for (const auto& [name, runner] : runners_) {
    ProcessReading p;
    p.id = runner.id;
    p.role = ProcessRole::runner;
    p.parent_pid = p.serve_pid = serve_.pid;
    p.cpu_time = ticks_of(runner.cpu_seconds);
    p.model_blob = blob_digest(*runner.model);
    p.threads = kBoardCores;
    p.slots = scenario_.parallel;
    p.began = MonotonicTime{std::chrono::milliseconds{10} * static_cast<std::int64_t>(p.id.start_ticks) -
                            kBootedBefore};
    if (runner.setup.asked_for_cpu) p.gpu_layers_requested = 0;
    if (runner.ready) p.gpu_library = runner.setup.has_gpu_library();
    p.at = at;
    out.push_back(std::move(p));
  }
  return out;
}

ServerLog VirtualOllama::log() const {
  ServerLog out = log_;
  out.server = "127.0.0.1:11434";
  return out;
}

std::vector<RunnerSlots> VirtualOllama::slots() const {
  std::vector<RunnerSlots> out;
  if (scenario_.runner != RunnerSort::llama_server) return out;
  for (const auto& [name, runner] : runners_) {
    if (!runner.ready) continue;
    RunnerSlots of{runner.id, {}};
    for (const VirtualSlot& slot : runner.slots) {
      const bool decodes = slot.job != nullptr && slot.job->stage == Stage::decode;
      of.slots.push_back({static_cast<std::int64_t>(of.slots.size()), slot.task, slot.job != nullptr,
                          decodes ? static_cast<std::uint64_t>(decoded(*slot.job)) : slot.decoded});
    }
    out.push_back(std::move(of));
  }
  return out;
}

}  // namespace tegrascope::simulator
