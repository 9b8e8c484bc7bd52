#include "agent/recording/encoder.hpp"

#include <nlohmann/json.hpp>

#include "agent/model/signals.hpp"
#include "agent/recording/json_text.hpp"
#include "agent/recording/words_read.hpp"

namespace tegrascope {
namespace {

// What a client or a log wrote is bounded; nothing that Ollama knows has such a name.
constexpr std::size_t kMaxText = 1024;

std::string_view bounded(std::string_view text) { return text.substr(0, kMaxText); }

// [index, count, ...] of the buckets that are not empty.
void put_gaps(JsonLine& line, const Histogram& gaps) {
  if (gaps.count() == 0) return;
  std::string& out = line.begin("gaps");
  out += '[';
  for (std::size_t i = 0; i < gaps.counts().size(); ++i) {
    if (gaps.counts()[i] == 0) continue;
    if (out.back() != '[') out += ',';
    append_json(out, i);
    out += ',';
    append_json(out, gaps.counts()[i]);
  }
  out += ']';
  line.put("gaps_sum", gaps.sum());
}

void append_amounts(std::string& out, const std::map<Phase, Amounts>& amounts) {
  out += '{';
  for (const auto& [phase, a] : amounts) {
    if (out.back() != '{') out += ',';
    append_json(out, to_string(phase));
    out += ':';
    append_json_list(out, a.energy_nj, a.idle_energy_nj, a.gpu_busy_ns, a.cpu_ns);
  }
  out += '}';
}

template <class Map, class Word>
void append_counts(std::string& out, const Map& counts, Word word_of) {
  out += '{';
  for (const auto& [key, count] : counts) {
    if (out.back() != '{') out += ',';
    append_json(out, word_of(key));
    out += ':';
    append_json(out, count);
  }
  out += '}';
}

void append_server(std::string& out, const OllamaServer& server) {
  append_json_list(out, server.name, server.url, server.serve_pid, word_of(server.kind));
}

std::string line_of(const RequestStarted& e) {
  return JsonLine("started")
      .put("id", e.id)
      .put("t", e.at)
      .put("witness", to_string(e.witness))
      .put("server", e.server)
      .put("endpoint", bounded(e.endpoint))
      .put("operation", to_string(e.operation))
      .take();
}

std::string line_of(const RequestDescribed& e) {
  JsonLine line("described");
  line.put("id", e.id).put("model", bounded(e.model)).put("streamed", e.streamed);
  line.put_if("gpu_layers", e.gpu_layers);
  if (e.runner) append_json_list(line.begin("runner"), e.runner->pid, e.runner->start_ticks);
  line.put_if("num_predict", e.num_predict).put_if("context_length", e.context_length);
  line.put_if("keep_alive", bounded(e.keep_alive)).put_if("remote", e.remote);
  return line.take();
}

std::string line_of(const RequestProgress& e) {
  JsonLine line("progress");
  line.put("id", e.id).put("t", e.at).put_if("first", e.first_content).put("chunks", e.content_chunks);
  put_gaps(line, e.chunk_gaps);
  return line.put_if("remote", e.remote).take();
}

std::string line_of(const RequestEnded& e) {
  JsonLine line("ended");
  line.put("id", e.id).put("t", e.at).put("status", e.status_code).put("outcome", to_string(e.outcome));
  line.put_if("first", e.first_content).put("chunks", e.content_chunks);
  put_gaps(line, e.chunk_gaps);
  if (e.counts) {
    const FinalCounts& c = *e.counts;
    append_json_list(line.begin("counts"), c.total_duration, c.load_duration, c.prompt_eval_duration,
                     c.eval_duration, c.prompt_tokens, c.output_tokens, bounded(c.done_reason));
  }
  return line.put_if("error", bounded(e.observation_error)).put_if("remote", e.remote).take();
}

std::string text_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json model_json(const ResidentModel& m) {
  nlohmann::ordered_json out;
  out["name"] = m.name;
  const auto put = [&out](const char* key, const auto& value) {
    if constexpr (requires { value.has_value(); }) {
      if (value) out[key] = *value;
    } else {
      if (value != std::decay_t<decltype(value)>{}) out[key] = value;
    }
  };
  put("digest", m.digest);
  put("blob", m.model_blob);
  put("family", m.family);
  put("parameter_size", m.parameter_size);
  put("quantization", m.quantization);
  put("size", m.size_bytes);
  put("size_vram", m.size_vram_bytes);
  put("context_length", m.context_length);
  put("file_bytes", m.file_bytes);
  put("remote", m.remote);
  if (!m.shape) return out;
  const ModelShape& s = *m.shape;
  auto& shape = out["shape"] = nlohmann::ordered_json::array({s.architecture});
  for (const auto& value : {s.parameter_count, s.block_count, s.context_length, s.embedding_length,
                            s.feed_forward_length, s.head_count, s.head_count_kv, s.key_length,
                            s.value_length, s.sliding_window, s.expert_count, s.expert_used_count})
    shape.push_back(value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr));
  return out;
}

void append_process(std::string& out, const ProcessReading& p, MonotonicTime since) {
  append_json_list(out, p.id.pid, p.id.start_ticks, word_of(p.role), p.parent_pid, p.serve_pid, p.cpu_time,
                   p.resident_bytes, bounded(p.model_blob), p.port, p.gpu_layers_requested, p.threads,
                   p.began, p.gpu_library, p.at - since, p.slots);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

BookedAnswer booked_answer(const RequestRecord& record) {
  return {record.id, record.verdict.placement, record.phase_amounts};
}

std::string encode(const RecordingHead& head) {
  const AnalysisOptions& o = head.options;
  JsonLine line("head");
  line.put("format", "tegrascope-recording").put("version", head.version).put("program", head.program);
  line.put_if("partial", head.partial);
  line.put("t", head.clock.monotonic).put("boot", head.clock.boot).put("wall", head.clock.wall);
  line.put("cores", o.attribution.cores).put("max_gap", o.attribution.sensors.max_gap);
  line.put("hold_idle", o.attribution.hold_idle).put("model_cap", o.model_cap);
  nlohmann::ordered_json thresholds;
  for_each_threshold(o.placement, [&](const char* name, const auto& value, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Nanoseconds>) {
      thresholds[name] = value.count();
    } else {
      thresholds[name] = value;
    }
  });
  line.put_raw("placement", text_of(thresholds));
  line.put_if("gpu_present", o.gpu_present);
  if (o.board) {
    const BoardIdentity& b = *o.board;
    append_json_list(line.begin("board"), b.module, b.soc, b.l4t, b.jetpack, b.kernel, b.jetson,
                     b.memory_bus_bits);
  }
  return line.take();
}

std::string encode(const ClockReading& clock) {
  return JsonLine("clock").put("t", clock.monotonic).put("boot", clock.boot).put("wall", clock.wall).take();
}

std::string encode(const ServersFound& servers) {
  JsonLine line("servers");
  std::string& out = line.begin("servers");
  out += '[';
  for (const OllamaServer& server : servers) {
    if (out.back() != '[') out += ',';
    append_server(out, server);
  }
  out += ']';
  return line.take();
}

std::string encode(const ServerState& state) {
  JsonLine line("state");
  append_server(line.begin("server"), state.server);
  line.put("t", state.at).put("up", state.up).put_if("error", bounded(state.error));
  line.put_if("version", bounded(state.version)).put("models_known", state.models_known);
  auto models = nlohmann::ordered_json::array();
  for (const ResidentModel& model : state.models) models.push_back(model_json(model));
  line.put_raw("models", models.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  line.put_if("installed", state.installed_models);
  if (!state.remote_models.empty()) {
    line.put_raw(
        "remote",
        nlohmann::json(state.remote_models).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return line.take();
}

std::string encode(const ServerLog& log) {
  JsonLine line("log");
  line.put("server", log.server).put("followed", log.followed).put_if("error", bounded(log.error));
  line.put("placement", to_string(log.placement)).put("reason", to_string(log.reason));
  line.put_if("layers", log.layers_offloaded).put_if("layers_total", log.layers_total);
  if (!log.devices.empty())
    line.put_raw("devices",
                 nlohmann::json(log.devices).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  append_counts(line.begin("load_failures"), log.load_failures, [](ReasonClass r) { return to_string(r); });
  return line.put("killed", log.runners_killed).put("crashed", log.runners_crashed).take();
}

std::string encode(const CaptureView& c) {
  JsonLine line("capture");
  line.put("up", c.up).put_if("error", bounded(c.error));
  append_json_list(line.begin("counts"), c.packets, c.dropped_packets, c.gaps, c.lost_bytes,
                   c.joined_connections);
  return line.take();
}

std::string encode(const RelayView& r) {
  JsonLine line("relay");
  append_json_list(line.begin("counts"), r.connections, r.bytes_in, r.bytes_out, r.unobserved_connections);
  const auto name = [](const std::string& reason) { return std::string_view(reason); };
  append_counts(line.begin("refused"), r.refused_requests, name);
  append_counts(line.begin("closed"), r.closed_connections, name);
  return line.take();
}

std::string encode(const GpuAccess& access) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  Json serves = Json::array();
  for (const ServeAccess& s : access.serves)
    serves.push_back({s.serve_pid, s.container, s.container_id, or_null(s.devices_missing),
                      or_null(s.devices_denied), or_null(s.driver_library), or_null(s.backends),
                      or_null(s.jetpack_told), or_null(s.forced_cpu)});
  Json runners = Json::array();
  for (const RunnerAccess& r : access.runners)
    runners.push_back({r.id.pid, r.id.start_ticks, or_null(r.cuda_mapped), r.backend});
  return JsonLine("access").put_raw("serves", text_of(serves)).put_raw("runners", text_of(runners)).take();
}

std::string encode(const SlotsSeen& slots) {
  JsonLine line("slots");
  append_json_list(line.begin("runner"), slots.runner.pid, slots.runner.start_ticks);
  return line.take();
}

std::string encode(const RestoredState& restored) {
  const LearnedState& l = restored.learned;
  JsonLine line("restored");
  line.put("t", restored.at).put("idle_cores", l.idle_cores);
  line.put_if("power_mode", l.power_mode).put_if("clocks_locked", l.clocks_locked);
  std::string& baselines = line.begin("baselines");
  baselines += '[';
  for (const LearnedBaseline& b : l.baselines) {
    if (baselines.back() != '[') baselines += ',';
    append_json_list(baselines, b.power_mode, b.clocks_locked, b.model_resident, b.temperature_decade,
                     b.watts, b.age_ns);
  }
  baselines += ']';
  std::string& series = line.begin("series");
  series += '[';
  for (const LearnedSeries& s : l.series) {
    if (series.back() != '[') series += ',';
    append_json_list(series, s.kind, s.server, s.model, to_string(s.phase));
    series.back() = ',';
    series += '[';
    for (const double value : s.values) {
      if (series.back() != '[') series += ',';
      append_json(series, value);
    }
    series += "],";
    append_json_string(series, s.detail);
    series += ']';
  }
  series += ']';
  return line.take();
}

std::string encode(const RequestEvent& event) {
  return std::visit([](const auto& e) { return line_of(e); }, event);
}

std::string encode(const Advance& advance) {
  return JsonLine("advance").put("t", advance.at).put_if("dropped", advance.dropped_events).take();
}

std::string encode(const BookedAnswer& booked) {
  JsonLine line("booked");
  line.put("id", booked.id).put("placement", to_string(booked.placement));
  append_amounts(line.begin("amounts"), booked.amounts);
  return line.take();
}

std::string encode(const Event& event) {
  JsonLine line("event");
  line.put("kind", to_string(event.kind)).put("t", event.at).put_if("wall", event.wall);
  line.put_if("server", event.server).put_if("model", event.model).put("reason", to_string(event.reason));
  return line.put_if("cure", event.cure).put("text", event.text).take();
}

std::string encode(const LostRecords& lost) { return JsonLine("lost").put("records", lost.records).take(); }

std::string encode(const RecordingEnd& end) {
  JsonLine line("end");
  line.put("why", end.why == RecordingEnd::Why::full ? "full" : "stopped").put("t", end.at);
  const LedgerView& l = end.ledger;
  line.put("energy_known", l.energy_known).put("gpu_known", l.gpu_known);
  append_json_list(line.begin("measured"), l.measured_energy_nj, l.measured_gpu_busy_ns);
  append_json_list(line.begin("pending"), l.pending_energy_nj, l.pending_gpu_busy_ns);
  const auto name = [](Unattributed u) { return to_string(u); };
  append_counts(line.begin("unattributed_energy"), l.unattributed_energy_nj, name);
  append_counts(line.begin("unattributed_gpu"), l.unattributed_gpu_busy_ns, name);
  return line.take();
}

std::uint32_t BatchEncoder::number_of(const Reading& reading) {
  const KeyView view{reading.signal, reading.instance, reading.kind};
  const auto known = series_.find(view);
  if (known != series_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(series_.size());
  series_.emplace(Key{reading.signal, reading.instance, reading.kind}, number);
  const std::string line = JsonLine("series")
                               .put("n", number)
                               .put("signal", signal_info(reading.signal).name)
                               .put_if("instance", reading.instance)
                               .put_if("kind", reading.kind)
                               .take();
  new_ += line;
  all_ += line;
  return number;
}

std::string BatchEncoder::encode(const Batch& batch) {
  JsonLine line("batch");
  line.put("collector", batch.collector).put("t", batch.started).put("took", batch.finished - batch.started);
  if (!batch.readings.empty()) {
    std::string& out = line.begin("r");
    out += '[';
    for (const Reading& reading : batch.readings) {
      if (out.back() != '[') out += ',';
      append_json_list(out, number_of(reading), reading.value, reading.at - batch.started);
    }
    out += ']';
  }
  if (batch.lists_processes) {
    std::string& out = line.begin("p");
    out += '[';
    for (const ProcessReading& process : batch.processes) {
      if (out.back() != '[') out += ',';
      append_process(out, process, batch.started);
    }
    out += ']';
  }
  if (batch.lists_gpu_processes) {
    std::string& out = line.begin("g");
    out += '[';
    for (const GpuProcess& process : batch.gpu_processes) {
      if (out.back() != '[') out += ',';
      append_json_list(out, process.pid, process.gpu, process.memory_bytes);
    }
    out += ']';
  }
  if (!batch.errors.empty()) {
    std::string& out = line.begin("e");
    out += '[';
    for (const ReadError& error : batch.errors) {
      if (out.back() != '[') out += ',';
      append_json_list(out, to_string(error.reason), bounded(error.where));
    }
    out += ']';
  }
  return line.put_if("absent", batch.absent).put_if("missed", batch.missed_slots).take();
}

std::string BatchEncoder::take_new_series() { return std::exchange(new_, {}); }

}  // namespace tegrascope
