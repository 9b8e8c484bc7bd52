#include "agent/recording/decoder.hpp"

#include <nlohmann/json.hpp>

#include "agent/model/signals.hpp"
#include "agent/recording/json_fields.hpp"
#include "agent/recording/state_decoder.hpp"

namespace tegrascope {
namespace {

Histogram gaps_of(const Json& line) {
  const auto found = line.find("gaps");
  if (found == line.end()) return {};
  std::vector<std::uint64_t> counts(kInterTokenEdges.size() + 1);
  for (std::size_t i = 0; i + 1 < found->size(); i += 2)
    counts.at((*found)[i].get<std::size_t>()) = (*found)[i + 1].get<std::uint64_t>();
  return Histogram(kInterTokenEdges, std::move(counts), line.at("gaps_sum").get<double>());
}

std::map<Phase, Amounts> amounts_of(const Json& json) {
  std::map<Phase, Amounts> out;
  for (const auto& [phase, list] : json.items()) {
    Amounts& a = out[read_word<Phase>(phase)];
    get_list(list, a.energy_nj, a.idle_energy_nj, a.gpu_busy_ns, a.cpu_ns);
  }
  return out;
}

ClockReading clock_of(const Json& line) {
  ClockReading clock;
  get(line, "t", clock.monotonic);
  get(line, "boot", clock.boot);
  get(line, "wall", clock.wall);
  return clock;
}

// What steps and windows are made of: a damaged one would keep the analysis busy for ever.
template <class T>
void check_range(const T& value, const T& least, const T& most) {
  if (value < least || value > most) throw std::out_of_range("head");
}

Record head_of(const Json& line) {
  RecordingHead head;
  get(line, "version", head.version);
  get_if(line, "program", head.program);
  if (line.value("format", "") != "tegrascope-recording")
    throw RecordingError("this is no recording of tegrascope");
  if (head.version > kRecordingVersion) {
    throw NewerRecording("the recording has version " + std::to_string(head.version) +
                         ", this program knows versions up to " + std::to_string(kRecordingVersion) +
                         ": use tegrascope " + head.program + " or newer");
  }
  head.clock = clock_of(line);
  get_if(line, "partial", head.partial);
  AnalysisOptions& o = head.options;
  get(line, "cores", o.attribution.cores);
  get(line, "max_gap", o.attribution.sensors.max_gap);
  get(line, "hold_idle", o.attribution.hold_idle);
  get(line, "model_cap", o.model_cap);
  using namespace std::chrono_literals;
  check_range(o.attribution.cores, 1, 4096);
  check_range(o.attribution.sensors.max_gap, Nanoseconds(1ms), Nanoseconds(1h));
  check_range(o.attribution.hold_idle, Nanoseconds(1ms), Nanoseconds(1h));
  check_range(head.clock.monotonic, MonotonicTime{}, MonotonicTime{24h * 36500});
  get_if(line, "gpu_present", o.gpu_present);
  if (const auto placement = line.find("placement"); placement != line.end())
    for_each_threshold(o.placement,
                       [&](const char* name, auto& value, const char*) { get_if(*placement, name, value); });
  if (line.contains("board")) {
    BoardIdentity& b = o.board.emplace();
    get_list(line.at("board"), b.module, b.soc, b.l4t, b.jetpack, b.kernel, b.jetson, b.memory_bus_bits);
  }
  return head;
}

Record started_of(const Json& line) {
  RequestStarted e;
  get(line, "id", e.id);
  get(line, "t", e.at);
  get_word(line, "witness", e.witness);
  get(line, "server", e.server);
  get(line, "endpoint", e.endpoint);
  get_word(line, "operation", e.operation);
  return RequestEvent(std::move(e));
}

Record described_of(const Json& line) {
  RequestDescribed e;
  get(line, "id", e.id);
  get(line, "model", e.model);
  get(line, "streamed", e.streamed);
  get_if(line, "gpu_layers", e.gpu_layers);
  if (line.contains("runner")) {
    ProcessId& runner = e.runner.emplace();
    get_list(line.at("runner"), runner.pid, runner.start_ticks);
  }
  get_if(line, "num_predict", e.num_predict);
  get_if(line, "context_length", e.context_length);
  get_if(line, "keep_alive", e.keep_alive);
  get_if(line, "remote", e.remote);
  return RequestEvent(std::move(e));
}

Record progress_of(const Json& line) {
  RequestProgress e;
  get(line, "id", e.id);
  get(line, "t", e.at);
  get_if(line, "first", e.first_content);
  get(line, "chunks", e.content_chunks);
  e.chunk_gaps = gaps_of(line);
  get_if(line, "remote", e.remote);
  return RequestEvent(std::move(e));
}

Record ended_of(const Json& line) {
  RequestEnded e;
  get(line, "id", e.id);
  get(line, "t", e.at);
  get(line, "status", e.status_code);
  get_word(line, "outcome", e.outcome);
  get_if(line, "first", e.first_content);
  get(line, "chunks", e.content_chunks);
  e.chunk_gaps = gaps_of(line);
  if (line.contains("counts")) {
    FinalCounts& c = e.counts.emplace();
    get_list(line.at("counts"), c.total_duration, c.load_duration, c.prompt_eval_duration, c.eval_duration,
             c.prompt_tokens, c.output_tokens, c.done_reason);
  }
  get_if(line, "error", e.observation_error);
  get_if(line, "remote", e.remote);
  return RequestEvent(std::move(e));
}

Record advance_of(const Json& line) {
  Advance advance;
  get(line, "t", advance.at);
  get_if(line, "dropped", advance.dropped_events);
  return advance;
}

Record booked_of(const Json& line) {
  BookedAnswer booked;
  get(line, "id", booked.id);
  get_word(line, "placement", booked.placement);
  booked.amounts = amounts_of(line.at("amounts"));
  return booked;
}

Record event_of(const Json& line) {
  Event event;
  get_word(line, "kind", event.kind);
  get(line, "t", event.at);
  get_if(line, "wall", event.wall);
  get_if(line, "server", event.server);
  get_if(line, "model", event.model);
  get_word(line, "reason", event.reason);
  get_if(line, "cure", event.cure);
  get(line, "text", event.text);
  return event;
}

Record lost_of(const Json& line) {
  LostRecords lost;
  get(line, "records", lost.records);
  return lost;
}

Record end_of(const Json& line) {
  RecordingEnd end;
  end.why = line.at("why") == "full" ? RecordingEnd::Why::full : RecordingEnd::Why::stopped;
  get(line, "t", end.at);
  LedgerView& l = end.ledger;
  get(line, "energy_known", l.energy_known);
  get(line, "gpu_known", l.gpu_known);
  get_list(line.at("measured"), l.measured_energy_nj, l.measured_gpu_busy_ns);
  get_list(line.at("pending"), l.pending_energy_nj, l.pending_gpu_busy_ns);
  for (const auto& [reason, amount] : line.at("unattributed_energy").items())
    l.unattributed_energy_nj[read_word<Unattributed>(reason)] = amount.get<std::int64_t>();
  for (const auto& [reason, amount] : line.at("unattributed_gpu").items())
    l.unattributed_gpu_busy_ns[read_word<Unattributed>(reason)] = amount.get<std::int64_t>();
  return end;
}

Record clock_record(const Json& line) { return clock_of(line); }

struct Kind {
  std::string_view name;
  Record (*read)(const Json& line);
};
constexpr std::array kKinds{Kind{"head", head_of},
                            Kind{"clock", clock_record},
                            Kind{"servers", servers_of},
                            Kind{"state", state_of},
                            Kind{"log", log_of},
                            Kind{"capture", capture_of},
                            Kind{"relay", relay_of},
                            Kind{"started", started_of},
                            Kind{"described", described_of},
                            Kind{"progress", progress_of},
                            Kind{"ended", ended_of},
                            Kind{"advance", advance_of},
                            Kind{"booked", booked_of},
                            Kind{"event", event_of},
                            Kind{"lost", lost_of},
                            Kind{"access", access_of},
                            Kind{"restored", restored_of},
                            Kind{"slots", slots_of},
                            Kind{"end", end_of}};

Signal signal_named(const std::string& name) {
  for (std::size_t i = 0; i < kSignals; ++i) {
    if (signal_info(static_cast<Signal>(i)).name == name) return static_cast<Signal>(i);
  }
  throw UnknownRecord("signal '" + name + "' is not known");
}

ProcessReading process_of(const Json& list, MonotonicTime since) {
  ProcessReading p;
  Nanoseconds after{};
  std::string role;
  get_list(list, p.id.pid, p.id.start_ticks, role, p.parent_pid, p.serve_pid, p.cpu_time, p.resident_bytes,
           p.model_blob, p.port, p.gpu_layers_requested, p.threads, p.began, p.gpu_library, after);
  constexpr std::size_t kSlots = 14;  // older agents did not tell them
  if (list.size() > kSlots) get(list.at(kSlots), p.slots);
  p.role = read_word<ProcessRole>(role);
  p.at = since + after;
  return p;
}

}  // namespace

// What needs the decoder's own state.
struct RecordDecoder::Lines {
  static void series(RecordDecoder& decoder, const Json& line) {
    std::uint32_t number = 0;
    get(line, "n", number);
    Series series;
    series.signal = signal_named(line.at("signal").get_ref<const std::string&>());
    get_if(line, "instance", series.instance);
    get_if(line, "kind", series.kind);
    decoder.series_[number] = std::move(series);
  }

  static Record batch(const RecordDecoder& decoder, const Json& line) {
    Batch batch;
    get(line, "collector", batch.collector);
    get(line, "t", batch.started);
    Nanoseconds took{};
    get(line, "took", took);
    batch.finished = batch.started + took;
    if (line.contains("r")) {
      for (const Json& entry : line.at("r")) add_reading(decoder, entry, batch);
    }
    batch.lists_processes = line.contains("p");
    if (batch.lists_processes) {
      for (const Json& entry : line.at("p")) batch.processes.push_back(process_of(entry, batch.started));
    }
    batch.lists_gpu_processes = line.contains("g");
    if (batch.lists_gpu_processes) {
      for (const Json& entry : line.at("g")) {
        GpuProcess& p = batch.gpu_processes.emplace_back();
        get_list(entry, p.pid, p.gpu, p.memory_bytes);
      }
    }
    if (line.contains("e")) {
      for (const Json& entry : line.at("e")) {
        ReadError& error = batch.errors.emplace_back();
        std::string reason;
        get_list(entry, reason, error.where);
        error.reason = read_word<ErrorReason>(reason);
      }
    }
    get_if(line, "absent", batch.absent);
    get_if(line, "missed", batch.missed_slots);
    return batch;
  }

  // A reading of a signal that this program does not know is left out: its series line was told about.
  static void add_reading(const RecordDecoder& decoder, const Json& entry, Batch& batch) {
    std::uint32_t number = 0;
    double value = 0;
    Nanoseconds after{};
    get_list(entry, number, value, after);
    const auto series = decoder.series_.find(number);
    if (series == decoder.series_.end()) return;
    batch.readings.push_back(
        {series->second.signal, series->second.instance, series->second.kind, value, batch.started + after});
  }
};

std::optional<Record> RecordDecoder::decode(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) throw RecordingError("the line is cut or is no JSON");
  try {
    const std::string& name = json.at("k").get_ref<const std::string&>();
    if (name == "batch") return Lines::batch(*this, json);
    if (name == "series") {
      Lines::series(*this, json);
      return std::nullopt;
    }
    if (name == "head") series_.clear();
    for (const Kind& kind : kKinds)
      if (kind.name == name) return kind.read(json);
    throw UnknownRecord("records of kind '" + name + "' are not known");
  } catch (const Json::exception& e) {
    throw RecordingError(std::string("a field is missing or wrong (") + e.what() + ")");
  } catch (const std::out_of_range&) {
    throw RecordingError("a number is out of range");
  }
}

}  // namespace tegrascope
