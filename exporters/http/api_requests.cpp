#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "exporters/http/api.hpp"

namespace tegrascope {
namespace {

using nlohmann::ordered_json;

// Absent values are left out.
template <class T>
void put(ordered_json& out, const char* name, const std::optional<T>& value) {
  if (value) out[name] = *value;
}

ordered_json verdict_json(const RequestRecord& r, bool in_full) {
  const Verdict& v = r.verdict;
  ordered_json out;
  out["placement"] = std::string(to_string(v.placement));
  out["probability"] = v.probability;
  out["flags"] = v.flags;
  if (v.gpu_share) {
    out["gpu_share"] = *v.gpu_share;
    out["gpu_share_source"] = v.gpu_share_source;
  }
  out["explanation"] = v.explanation;
  if (!in_full) return out;
  ordered_json& evidence = out["evidence"] = ordered_json::array();
  for (const EvidenceScore& e : v.evidence)
    evidence.push_back(
        {{"name", e.name}, {"says", e.says}, {"cpu_nats", e.cpu}, {"partial_nats", e.partial}});
  ordered_json& decode = out["decode"];
  decode["window_seconds"] = to_seconds(r.decode.window);
  put(decode, "gpu_load_ratio", r.decode.gpu_load_ratio);
  decode["gpu_samples"] = r.decode.gpu_samples;
  put(decode, "runner_cores", r.decode.runner_cores);
  put(decode, "runner_threads", r.decode.runner_threads);
  put(decode, "board_watts", r.decode.board_watts);
  return out;
}

ordered_json phases_json(const RequestRecord& r) {
  ordered_json out = ordered_json::object();
  for (const auto& [phase, time] : r.phase_time) {
    ordered_json& p = out[std::string(to_string(phase))];
    p["seconds"] = to_seconds(time);
    const auto amounts = r.phase_amounts.find(phase);
    if (amounts == r.phase_amounts.end()) continue;
    const Amounts& a = amounts->second;
    p["cpu_seconds"] = static_cast<double>(a.cpu_ns) * 1e-9;
    if (r.gpu_known) p["gpu_seconds"] = static_cast<double>(a.gpu_busy_ns) * 1e-9;
    if (!r.energy_known) continue;
    p["energy_joules"] = static_cast<double>(a.energy_nj) * 1e-9;
    p["idle_energy_joules"] = static_cast<double>(a.idle_energy_nj) * 1e-9;
  }
  return out;
}

ordered_json record_json(const RequestRecord& r, MonotonicTime now, bool in_full) {
  ordered_json out;
  out["id"] = r.id;
  out["witness"] = std::string(to_string(r.witness));
  out["server"] = r.server;
  out["model"] = r.model;
  out["endpoint"] = r.endpoint;
  out["operation"] = std::string(to_string(r.operation));
  out["streamed"] = r.streamed;
  out["remote"] = r.remote;
  out["outcome"] = std::string(to_string(r.outcome));
  out["status_code"] = r.status_code;
  out["ended_seconds_ago"] = to_seconds(now - r.ended);
  out["duration_seconds"] = to_seconds(r.ended - r.started);
  put(out, "input_tokens", r.prompt_tokens);
  put(out, "output_tokens", r.output_tokens);
  out["tokens_estimated"] = r.tokens_estimated;
  out["phases"] = phases_json(r);
  if (r.energy_interval_nj)
    out["energy_interval_joules"] = {static_cast<double>(r.energy_interval_nj->first) * 1e-9,
                                     static_cast<double>(r.energy_interval_nj->second) * 1e-9};
  out["quality"] = std::string(1, r.quality);
  out["reasons"] = r.reasons;
  out["verdict"] = verdict_json(r, in_full);
  return out;
}

// A name from outside may hold bytes that are no UTF-8.
std::string text(const ordered_json& body) {
  return body.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string requests_json(const Snapshot& snapshot) {
  ordered_json out;
  ordered_json& requests = out["requests"] = ordered_json::array();
  for (auto r = snapshot.recent.rbegin(); r != snapshot.recent.rend(); ++r)
    requests.push_back(record_json(*r, snapshot.at, false));
  return text(out);
}

std::optional<std::string> request_json(const Snapshot& snapshot, std::string_view id) {
  const auto found = std::find_if(snapshot.recent.begin(), snapshot.recent.end(),
                                  [&](const RequestRecord& r) { return std::to_string(r.id) == id; });
  if (found == snapshot.recent.end()) return std::nullopt;
  return text(record_json(*found, snapshot.at, true));
}

}  // namespace tegrascope
