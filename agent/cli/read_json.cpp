#include "agent/cli/read_json.hpp"

#include <cmath>

#include "agent/app/absences.hpp"
#include "agent/cli/json_lines.hpp"
#include "agent/model/signals.hpp"

namespace tegrascope {
namespace {

// Whole numbers without a fraction: 7990116352, not 7990116352.0.
Json number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(value) == value && std::abs(value) < kExact) return static_cast<std::int64_t>(value);
  return value;
}

void put_sources(Json& object, const std::vector<Source>& sources) {
  Json paths = Json::array();
  std::optional<Nanoseconds> took;
  for (const Source& source : sources) {
    paths.push_back(source.path);
    if (source.took) took = took.value_or(Nanoseconds{}) + *source.took;
  }
  object["sources"] = std::move(paths);
  if (took) object["read_seconds"] = to_seconds(*took);
}

Json signal_json(const SignalReport& report) {
  const Reading& reading = report.reading;
  const SignalInfo& info = signal_info(reading.signal);
  Json object{{"signal", info.name},          {"instance", reading.instance},
              {"kind", reading.kind},         {"value", number(reading.value)},
              {"unit", to_string(info.unit)}, {"type", info.counter ? "counter" : "gauge"}};
  put_sources(object, report.sources);
  return object;
}

Json process_json(const ProcessReport& report) {
  const ProcessReading& process = report.process;
  Json object{{"pid", process.id.pid}, {"role", process.role == ProcessRole::serve ? "serve" : "runner"}};
  if (process.serve_pid != 0) object["serve_pid"] = process.serve_pid;
  if (process.cpu_time) object["cpu_seconds"] = to_seconds(*process.cpu_time);
  if (process.resident_bytes) object["resident_bytes"] = *process.resident_bytes;
  put(object, "model_blob", process.model_blob);
  if (process.port) object["port"] = *process.port;
  put_sources(object, report.sources);
  return object;
}

Json absence_json(const Absence& absence) {
  Json object = Json::object();
  if (absence.signal) object["signal"] = signal_info(*absence.signal).name;
  put(object, "instance", absence.instance);
  put(object, "kind", absence.kind);
  put(object, "path", absence.path);
  object["reason"] = absence.reason;
  put(object, "detail", absence.detail);
  put(object, "grant", absence.grant);
  return object;
}

Json collector_json(const CollectorReport& collector) {
  Json object{{"name", collector.name}, {"state", to_string(collector.state)}};
  put(object, "reason", collector.reason);
  if (collector.state == CollectorState::off) return object;
  object["duration_seconds"] = to_seconds(collector.took);
  object["signals"] = Json::array();
  for (const SignalReport& signal : collector.signals) object["signals"].push_back(signal_json(signal));
  for (const ProcessReport& process : collector.processes)
    object["processes"].push_back(process_json(process));
  object["absent"] = Json::array();
  for (const Absence& absence : collector.absent) object["absent"].push_back(absence_json(absence));
  return object;
}

}  // namespace

std::string report_json(const BoardReport& report) {
  const BoardIdentity& board = report.board;
  Json json;
  Json& identity = json["board"] = Json{{"jetson", board.jetson}};
  put(identity, "module", board.module);
  put(identity, "soc", board.soc);
  put(identity, "l4t", board.l4t);
  put(identity, "jetpack", board.jetpack);
  put(identity, "kernel", board.kernel);
  for (const ReadError& error : report.board_errors)
    identity["absent"].push_back(
        {{"path", path_of(error)}, {"reason", to_string(error.reason)}, {"detail", error.where}});
  json["collectors"] = Json::array();
  for (const CollectorReport& collector : report.collectors)
    json["collectors"].push_back(collector_json(collector));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tegrascope
