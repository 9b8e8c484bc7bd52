#include "exporters/prometheus/view_parts.hpp"

namespace tegrascope {
namespace {

void write_resident(std::string_view server, const ResidentModel& m, FamilyWriter& out) {
  out.add(Family::model_info, {server, m.name, m.family, m.parameter_size, m.quantization}, 1);
  if (m.size_bytes) out.add(Family::model_size_bytes, {server, m.name}, static_cast<double>(*m.size_bytes));
  if (m.size_vram_bytes)
    out.add(Family::model_gpu_size_bytes, {server, m.name}, static_cast<double>(*m.size_vram_bytes));
  // Ollama itself prints "Unknown" when size is 0 or less than size_vram (cmd/cmd.go).
  if (m.size_bytes && m.size_vram_bytes && *m.size_bytes > 0 && *m.size_vram_bytes <= *m.size_bytes) {
    out.add(Family::model_offload_ratio, {server, m.name},
            static_cast<double>(*m.size_vram_bytes) / static_cast<double>(*m.size_bytes));
  }
  if (m.context_length) {
    out.add(Family::model_context_length_tokens, {server, m.name}, static_cast<double>(*m.context_length));
  }
}

void write_busy(const ServerView& view, FamilyWriter& out) {
  double exact = 0;
  double none = 0;
  for (const auto& [witness, busy] : view.busy_seconds) {
    (witness == Witness::relay || witness == Witness::capture ? exact : none) += busy;
  }
  out.add(Family::ollama_busy_seconds_total, {view.state.server.name, "exact"}, exact);
  out.add(Family::ollama_busy_seconds_total, {view.state.server.name, "none"}, none);
}

void write_log(const ServerLog& log, FamilyWriter& out) {
  out.add(Family::ollama_log_up, {log.server}, log.followed ? 1 : 0);
  if (log.layers_offloaded)
    out.add(Family::ollama_log_offloaded_layers, {log.server}, static_cast<double>(*log.layers_offloaded));
  if (log.layers_total)
    out.add(Family::ollama_log_layers, {log.server}, static_cast<double>(*log.layers_total));
  // All of them, from 0: increase() does not see a counter that is born at 1.
  for (const ReasonClass reason : kReasonClasses) {
    const auto count = log.load_failures.find(reason);
    out.add(Family::model_load_failures_total, {log.server, to_string(reason)},
            count == log.load_failures.end() ? 0 : static_cast<double>(count->second));
  }
  out.add(Family::runner_exits_total, {log.server, "killed"}, static_cast<double>(log.runners_killed));
  out.add(Family::runner_exits_total, {log.server, "crashed"}, static_cast<double>(log.runners_crashed));
}

}  // namespace

void write_servers(const Snapshot& snapshot, FamilyWriter& out) {
  for (const ServerView& view : snapshot.servers) {
    const ServerState& state = view.state;
    const std::string& server = state.server.name;
    out.add(Family::ollama_up, {server}, state.up ? 1 : 0);
    if (!state.version.empty()) out.add(Family::ollama_version_info, {server, state.version}, 1);
    write_busy(view, out);
    if (view.log) write_log(*view.log, out);
    if (!state.models_known) continue;
    out.add(Family::ollama_loaded_models, {server}, static_cast<double>(state.models.size()));
    for (const ResidentModel& model : state.models) write_resident(server, model, out);
    for (const auto& [model, bytes] : view.gpu_memory_bytes)
      out.add(Family::model_gpu_memory_bytes, {server, model}, static_cast<double>(bytes));
  }
}

}  // namespace tegrascope
