#include "agent/app/doctor/findings.hpp"

// Which of the six ways to see a request work here, and what the others need.

namespace tegrascope {
namespace {

std::string container_of(const ServerFacts& server) {
  return server.access && !server.access->container_id.empty() ? server.access->container_id : "CONTAINER";
}

void find_process(const ServerFacts& server, std::vector<Finding>& out) {
  const std::string& name = server.state.server.name;
  if (server.state.server.serve_pid == 0) {
    out.push_back(
        {"witness-process", Severity::warning, name,
         "witness process: the server's process is not seen in /proc",
         "without it nobody knows what its runners do: no verdict without GPU load, no joules of its "
         "requests",
         "sudo tegrascope read processes  # in a container: --pid host; with hidepid: docs/permissions.md"});
    return;
  }
  bool readable = true;
  for (const RunnerFacts& runner : server.runners) readable = readable && runner.process.cpu_time.has_value();
  out.push_back({"witness-process", readable ? Severity::note : Severity::warning, name,
                 readable ? "witness process works: busy spells of runners, with joules and verdict"
                          : "witness process: the CPU time of a runner cannot be read",
                 "", readable ? "" : "tegrascope read processes"});
}

void find_slots(const ServerFacts& server, std::vector<Finding>& out) {
  const std::string& name = server.state.server.name;
  if (server.state.version.empty()) return;
  if (is_unknown_release(server.state.version)) {
    out.push_back({"witness-slots", Severity::note, name,
                   "witness slots: works from Ollama 0.30 on; release unknown (built from source)", "", ""});
  } else if (is_before(server.state.version, "0.30")) {
    out.push_back(
        {"witness-slots", Severity::note, name, "witness slots: needs Ollama 0.30 or later", "", ""});
  } else if (!server.own_network) {
    out.push_back({"witness-slots", Severity::note, name,
                   "witness slots: the runners' ports are inside the container's network",
                   "tokens of running requests are not seen",
                   "docker inspect " + container_of(server) + "  # start it anew with --network host"});
  } else {
    out.push_back(
        {"witness-slots", Severity::note, name, "witness slots works: tokens while they come", "", ""});
  }
}

constexpr const char* kLogToFile =
    "sudo mkdir -p /etc/systemd/system/ollama.service.d && printf "
    "'[Service]\\nStandardOutput=append:/var/log/ollama.log\\nStandardError=append:/var/log/ollama.log\\n' | "
    "sudo tee "
    "/etc/systemd/system/ollama.service.d/log.conf && sudo systemctl daemon-reload && sudo systemctl restart "
    "ollama  # "
    "then --ollama.log-file=/var/log/ollama.log";

void find_log(const ServerFacts& server, std::vector<Finding>& out) {
  const std::string& name = server.state.server.name;
  if (server.log && server.log->followed) {
    out.push_back({"witness-log", Severity::note, name, "witness log works: " + server.log_path, "", ""});
    return;
  }
  if (!server.log_path.empty()) {
    out.push_back(
        {"witness-log", Severity::warning, name,
         "witness log: " + (server.log && !server.log->error.empty() ? server.log->error
                                                                     : server.log_path + " cannot be read"),
         "reasons of fallbacks and failed loads are told there", "sudo chmod o+r " + server.log_path});
    return;
  }
  out.push_back({"witness-log", Severity::note, name, "witness log: no log file is known",
                 "reasons of fallbacks, failed loads and the ends of requests are told there",
                 server.access && server.access->container
                     ? "sudo docker inspect " + container_of(server) +
                           " --format '{{.LogPath}}'  # name that file with --ollama.log-file"
                     : kLogToFile});
}

}  // namespace

void find_in_witnesses(const DoctorFacts& facts, std::vector<Finding>& out) {
  for (const ServerFacts& server : facts.servers) {
    out.push_back({"witness-poll", Severity::note, server.state.server.name,
                   server.state.up ? "witness poll works: what is loaded, and what Ollama claims of it"
                                   : "witness poll: Ollama does not answer",
                   "", ""});
    find_process(server, out);
    find_log(server, out);
    find_slots(server, out);
  }
  if (facts.servers.empty()) return;
  out.push_back({"witness-capture", Severity::note, "",
                 facts.may_capture ? "witness capture may be used: --observe=auto,capture"
                                   : "witness capture: needs CAP_NET_RAW",
                 "exact requests without moving a client",
                 facts.may_capture ? "" : "sudo setcap cap_net_raw=ep \"$(command -v tegrascope)\""});
  out.push_back({"witness-relay", Severity::note, "",
                 facts.relays.empty() ? "witness relay: no client comes through tegrascope"
                                      : "witness relay: a relay is running",
                 "exact requests, and a guard before Ollama",
                 facts.relays.empty() ? "tegrascope run --relay.listen-address=127.0.0.1:11481" : ""});
}

}  // namespace tegrascope
