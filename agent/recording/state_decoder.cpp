#include "agent/recording/state_decoder.hpp"

namespace tegrascope {
namespace {

OllamaServer server_of(const Json& list) {
  OllamaServer server;
  get_list(list, server.name, server.url, server.serve_pid);
  server.kind = read_word<UpstreamKind>(list.at(3).get_ref<const std::string&>());
  return server;
}

ResidentModel model_of(const Json& json) {
  ResidentModel m;
  get(json, "name", m.name);
  get_if(json, "digest", m.digest);
  get_if(json, "blob", m.model_blob);
  get_if(json, "family", m.family);
  get_if(json, "parameter_size", m.parameter_size);
  get_if(json, "quantization", m.quantization);
  get_if(json, "size", m.size_bytes);
  get_if(json, "size_vram", m.size_vram_bytes);
  get_if(json, "context_length", m.context_length);
  get_if(json, "file_bytes", m.file_bytes);
  get_if(json, "remote", m.remote);
  if (!json.contains("shape")) return m;
  ModelShape& s = m.shape.emplace();
  get_list(json.at("shape"), s.architecture, s.parameter_count, s.block_count, s.context_length,
           s.embedding_length, s.feed_forward_length, s.head_count, s.head_count_kv, s.key_length,
           s.value_length, s.sliding_window, s.expert_count, s.expert_used_count);
  return m;
}

}  // namespace

Record servers_of(const Json& line) {
  ServersFound servers;
  for (const Json& server : line.at("servers")) servers.push_back(server_of(server));
  return servers;
}

Record state_of(const Json& line) {
  ServerState state;
  state.server = server_of(line.at("server"));
  get(line, "t", state.at);
  get(line, "up", state.up);
  get_if(line, "error", state.error);
  get_if(line, "version", state.version);
  get(line, "models_known", state.models_known);
  for (const Json& model : line.at("models")) state.models.push_back(model_of(model));
  get_if(line, "installed", state.installed_models);
  get_if(line, "remote", state.remote_models);
  return state;
}

Record log_of(const Json& line) {
  ServerLog log;
  get(line, "server", log.server);
  get(line, "followed", log.followed);
  get_if(line, "error", log.error);
  get_word(line, "placement", log.placement);
  get_word(line, "reason", log.reason);
  get_if(line, "layers", log.layers_offloaded);
  get_if(line, "layers_total", log.layers_total);
  get_if(line, "devices", log.devices);
  for (const auto& [reason, count] : line.at("load_failures").items())
    log.load_failures[read_word<ReasonClass>(reason)] = count.get<std::uint64_t>();
  get(line, "killed", log.runners_killed);
  get(line, "crashed", log.runners_crashed);
  return log;
}

Record capture_of(const Json& line) {
  CaptureView c;
  get(line, "up", c.up);
  get_if(line, "error", c.error);
  get_list(line.at("counts"), c.packets, c.dropped_packets, c.gaps, c.lost_bytes, c.joined_connections);
  return c;
}

Record relay_of(const Json& line) {
  RelayView r;
  get_list(line.at("counts"), r.connections, r.bytes_in, r.bytes_out, r.unobserved_connections);
  get(line, "refused", r.refused_requests);
  get(line, "closed", r.closed_connections);
  return r;
}

Record access_of(const Json& line) {
  GpuAccess access;
  for (const Json& entry : line.at("serves")) {
    ServeAccess& s = access.serves.emplace_back();
    get_list(entry, s.serve_pid, s.container, s.container_id, s.devices_missing, s.devices_denied,
             s.driver_library, s.backends, s.jetpack_told, s.forced_cpu);
  }
  for (const Json& entry : line.at("runners")) {
    RunnerAccess& r = access.runners.emplace_back();
    get_list(entry, r.id.pid, r.id.start_ticks, r.cuda_mapped, r.backend);
  }
  return access;
}

Record restored_of(const Json& line) {
  RestoredState restored;
  LearnedState& l = restored.learned;
  get(line, "t", restored.at);
  get(line, "idle_cores", l.idle_cores);
  get_if(line, "power_mode", l.power_mode);
  get_if(line, "clocks_locked", l.clocks_locked);
  for (const Json& entry : line.at("baselines")) {
    LearnedBaseline& b = l.baselines.emplace_back();
    get_list(entry, b.power_mode, b.clocks_locked, b.model_resident, b.temperature_decade, b.watts, b.age_ns);
  }
  for (const Json& entry : line.at("series")) {
    LearnedSeries& s = l.series.emplace_back();
    std::string phase;
    get_list(entry, s.kind, s.server, s.model, phase, s.values, s.detail);
    s.phase = read_word<Phase>(phase);
  }
  return restored;
}

Record slots_of(const Json& line) {
  SlotsSeen slots;
  get_list(line.at("runner"), slots.runner.pid, slots.runner.start_ticks);
  return slots;
}

}  // namespace tegrascope
