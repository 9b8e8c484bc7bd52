#include "exporters/http/event_json.hpp"

#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

namespace tegrascope {
namespace {

using Json = nlohmann::ordered_json;

std::string utc(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms);
}

Json json_of(const Event& event) {
  Json out;
  out["kind"] = to_string(event.kind);
  if (event.wall) out["time"] = utc(*event.wall);
  out["monotonic_ns"] = event.at.time_since_epoch().count();
  out["server"] = event.server;
  out["model"] = event.model;
  out["reason"] = to_string(event.reason);
  out["cure"] = event.cure;
  out["text"] = event.text;
  return out;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string events_json(const Snapshot& snapshot) {
  Json out;
  Json& events = out["events"] = Json::array();
  for (const Event& event : snapshot.events) events.push_back(json_of(event));
  Json& counts = out["counts"] = Json::object();
  for (const auto& [kind, count] : snapshot.event_counts) counts[std::string(to_string(kind))] = count;
  return text_of(out) + "\n";
}

std::string web_hook_json(const Event& event, const std::string& host) {
  Json out;
  out["host"] = host;
  out["event"] = json_of(event);
  return text_of(out);
}

}  // namespace tegrascope
