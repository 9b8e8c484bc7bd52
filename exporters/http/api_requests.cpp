#include "exporters/http/api_requests.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace tegrascope {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPath = "/api/v1/requests";

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
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
  out["decode"] = {{"window_seconds", to_seconds(r.decode.window)},
                   {"gpu_load_ratio", or_null(r.decode.gpu_load_ratio)},
                   {"gpu_samples", r.decode.gpu_samples},
                   {"runner_cores", or_null(r.decode.runner_cores)},
                   {"runner_threads", or_null(r.decode.runner_threads)},
                   {"board_watts", or_null(r.decode.board_watts)}};
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
  out["input_tokens"] = or_null(r.prompt_tokens);
  out["output_tokens"] = or_null(r.output_tokens);
  out["tokens_estimated"] = r.tokens_estimated;
  out["phases"] = phases_json(r);
  out["reasons"] = r.reasons;
  out["verdict"] = verdict_json(r, in_full);
  return out;
}

HttpReply json_reply(int status, const ordered_json& body) {
  // A name from outside may hold bytes that are no UTF-8.
  HttpReply reply =
      text_reply(status, body.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  reply.content_type = "application/json";
  return reply;
}

}  // namespace

std::optional<HttpReply> answer_requests(const Snapshot& snapshot, std::string_view path) {
  if (path == kPath) {
    ordered_json out;
    ordered_json& requests = out["requests"] = ordered_json::array();
    for (auto r = snapshot.recent.rbegin(); r != snapshot.recent.rend(); ++r)
      requests.push_back(record_json(*r, snapshot.at, false));
    return json_reply(200, out);
  }
  if (path.size() <= kPath.size() + 1 || path.substr(0, kPath.size() + 1) != std::string(kPath) + "/")
    return std::nullopt;
  const std::string_view id = path.substr(kPath.size() + 1);
  const auto found = std::find_if(snapshot.recent.begin(), snapshot.recent.end(),
                                  [&](const RequestRecord& r) { return std::to_string(r.id) == id; });
  if (found == snapshot.recent.end())
    return json_reply(404, {{"error", "no request with this id is among the latest; see /api/v1/requests"}});
  return json_reply(200, record_json(*found, snapshot.at, true));
}

}  // namespace tegrascope
