#include "agent/app/doctor/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

namespace tegrascope {
namespace {

using Json = nlohmann::ordered_json;

std::size_t count(const std::vector<Finding>& findings, Severity severity) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                [&](const Finding& f) { return f.severity == severity; }));
}

std::string counted(std::size_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

void put(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

Json findings_of(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& f : findings) {
    Json one{{"id", f.id}, {"severity", to_string(f.severity)}};
    put(one, "subject", f.subject);
    one["what"] = f.what;
    put(one, "why", f.why);
    put(one, "mend", f.mend);
    list.push_back(std::move(one));
  }
  return list;
}

Json board_of(const BoardIdentity& board) {
  Json json{{"jetson", board.jetson}};
  put(json, "module", board.module);
  put(json, "soc", board.soc);
  put(json, "l4t", board.l4t);
  put(json, "jetpack", board.jetpack);
  put(json, "kernel", board.kernel);
  return json;
}

Json log_of(const ServerLog& log) {
  Json json{
      {"followed", log.followed}, {"placement", to_string(log.placement)}, {"reason", to_string(log.reason)}};
  put(json, "error", log.error);
  if (log.layers_offloaded) json["layers_offloaded"] = *log.layers_offloaded;
  if (log.layers_total) json["layers_total"] = *log.layers_total;
  json["devices"] = log.devices;
  return json;
}

Json access_of(const ServeAccess& access) {
  Json json{{"container", access.container}};
  if (access.devices_missing) json["devices_missing"] = *access.devices_missing;
  if (access.devices_denied) json["devices_denied"] = *access.devices_denied;
  if (access.driver_library) json["driver_library"] = *access.driver_library;
  if (access.backends) json["backends"] = *access.backends;
  if (access.jetpack_told) json["jetpack_told"] = *access.jetpack_told;
  if (access.forced_cpu) json["forced_cpu"] = *access.forced_cpu;
  return json;
}

Json server_of(const ServerFacts& server) {
  Json json{{"name", server.state.server.name}, {"up", server.state.up}, {"own_network", server.own_network}};
  put(json, "error", server.state.error);
  put(json, "version", server.state.version);
  for (const ListensOn& l : server.listens)
    json["listens"].push_back({{"address", l.address}, {"port", l.port}, {"published", l.published}});
  if (server.access) json["access"] = access_of(*server.access);
  if (server.log) json["log"] = log_of(*server.log);
  json["models"] = Json::array();
  for (const ResidentModel& m : server.state.models) {
    Json model{{"name", m.name}, {"quantization", m.quantization}, {"parameter_size", m.parameter_size}};
    if (m.size_bytes) model["size_bytes"] = *m.size_bytes;
    if (m.size_vram_bytes) model["size_vram_bytes"] = *m.size_vram_bytes;
    if (m.context_length) model["context_length"] = *m.context_length;
    json["models"].push_back(std::move(model));
  }
  json["runners"] = Json::array();
  for (const RunnerFacts& r : server.runners) {
    Json runner = Json::object();
    if (r.process.resident_bytes) runner["resident_bytes"] = *r.process.resident_bytes;
    if (r.process.threads) runner["threads"] = *r.process.threads;
    if (r.process.gpu_layers_requested) runner["gpu_layers_requested"] = *r.process.gpu_layers_requested;
    if (r.access && r.access->cuda_mapped) runner["cuda_mapped"] = *r.access->cuda_mapped;
    if (r.access) put(runner, "backend", r.access->backend);
    json["runners"].push_back(std::move(runner));
  }
  return json;
}

void scrub_all(Json& json, std::string_view host_name) {
  if (json.is_string()) {
    json = scrub(json.get_ref<const std::string&>(), host_name);
  } else if (json.is_structured()) {
    for (Json& child : json) scrub_all(child, host_name);
  }
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string findings_text(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) {
    std::string severity(to_string(f.severity));
    severity.resize(9, ' ');
    out += severity + (f.subject.empty() ? "" : f.subject + ": ") + f.what + "\n";
    if (!f.why.empty()) out += "         why: " + f.why + "\n";
    if (!f.mend.empty()) out += "         type: " + f.mend + "\n";
  }
  return out + "\n" + counted(count(findings, Severity::problem), "problem") + ", " +
         counted(count(findings, Severity::warning), "warning") + ", " +
         counted(count(findings, Severity::note), "note") + "\n";
}

std::string findings_json(const DoctorFacts& facts, const std::vector<Finding>& findings) {
  Json json;
  json["board"] = board_of(facts.report.board);
  json["findings"] = findings_of(findings);
  json["problems"] = count(findings, Severity::problem);
  json["warnings"] = count(findings, Severity::warning);
  json["notes"] = count(findings, Severity::note);
  return dump(json);
}

std::string bundle_json(const DoctorFacts& facts, const std::vector<Finding>& findings,
                        const std::string& readings, std::string_view version, std::string_view host_name) {
  Json json;
  json["tegrascope"] = version;
  json["board"] = board_of(facts.report.board);
  json["findings"] = findings_of(findings);
  json["servers"] = Json::array();
  for (const ServerFacts& server : facts.servers) json["servers"].push_back(server_of(server));
  json["readings"] = Json::parse(readings, nullptr, false);
  scrub_all(json, host_name);
  return dump(json);
}

std::string scrub(std::string_view text, std::string_view host_name) {
  static const std::regex kHome("/home/[^/\\s\"']+");
  static const std::regex kHardware("\\b([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\\b");
  static const std::regex kSecret(
      "([A-Za-z0-9_.-]*(key|token|secret|password|KEY|TOKEN|SECRET|PASSWORD)[A-Za-z0-9_.-]*)[=:] "
      "?[^\\s\"',;]+");
  static const std::regex kBearer("[Bb]earer [^\\s\"']+");
  static const std::regex kAddress("\\b(\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3})\\b");
  static const std::regex kAddress6(
      "\\b([0-9A-Fa-f]{1,4}:){2,7}(:?[0-9A-Fa-f]{1,4})+\\b|\\b([0-9A-Fa-f]{1,4}:){1,7}:[0-9A-Fa-f:]*");
  static const std::regex kNumber("\\b\\d{11,}\\b");
  std::string out(text);
  out = std::regex_replace(out, kHome, "/home/USER");
  out = std::regex_replace(out, kBearer, "Bearer REMOVED");
  out = std::regex_replace(out, kSecret, "$1=REMOVED");
  out = std::regex_replace(out, kHardware, "HARDWARE-ADDRESS");
  out = std::regex_replace(out, kAddress6, "ADDRESS");
  std::string kept;
  auto rest = out.cbegin();
  for (std::smatch m; std::regex_search(rest, out.cend(), m, kAddress); rest = m.suffix().first) {
    const std::string address = m[1];
    kept.append(rest, m[0].first);
    kept += address.starts_with("127.") || address == "0.0.0.0" ? address : "ADDRESS";
  }
  kept.append(rest, out.cend());
  out = std::regex_replace(kept, kNumber, "NUMBER");
  if (host_name.size() < 3 || host_name == "localhost") return out;
  for (auto at = out.find(host_name); at != std::string::npos; at = out.find(host_name, at + 4))
    out.replace(at, host_name.size(), "HOST");
  return out;
}

}  // namespace tegrascope
