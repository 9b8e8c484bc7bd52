#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/app/doctor/findings.hpp"
#include "agent/placement/reasons.hpp"

namespace tegrascope {
namespace {

bool is_open(const std::string& address) {
  return address != "127.0.0.1" && address != "::1" && address != "localhost" && !address.starts_with("127.");
}

bool exposed(const ServerFacts& server) {
  return std::any_of(server.listens.begin(), server.listens.end(),
                     [](const ListensOn& l) { return is_open(l.address); });
}

bool in_container(const ServerFacts& server) { return server.access && server.access->container; }

std::string container_of(const ServerFacts& server) {
  return in_container(server) && !server.access->container_id.empty() ? server.access->container_id
                                                                      : "CONTAINER";
}

std::string upgrade(const ServerFacts& server) {
  if (!in_container(server)) return "curl -fsSL https://ollama.com/install.sh | sh";
  return "docker pull ollama/ollama && docker inspect " + container_of(server) +
         "  # then start it anew from the new image, as it was started";
}

void find_how_it_runs(const ServerFacts& server, std::vector<Finding>& out) {
  std::string what = "Ollama " + (server.state.version.empty() ? "of unknown version" : server.state.version);
  if (server.state.server.serve_pid == 0) {
    what += ", its process is not seen from here";
  } else if (in_container(server)) {
    what += ", in a container";
    if (!server.access->container_id.empty()) what += " (" + server.access->container_id + ")";
  } else {
    what += ", native";
  }
  what += fmt::format(", {} model{} loaded", server.state.models.size(),
                      server.state.models.size() == 1 ? "" : "s");
  out.push_back({"ollama", Severity::note, server.state.server.name, what, "", ""});
}

// What is wrong with releases before this one.
struct BadRelease {
  std::string_view before;
  bool jetson_only;
  Severity severity;
  std::string_view what;
  std::string_view why;
};
constexpr std::array kBadReleases{
    BadRelease{"0.17.1", false, Severity::warning, "CVE-2026-7482 (fixed in 0.17.1)",
               "whoever reaches the port can read the server's memory, prompts included (create, then push)"},
    BadRelease{"0.1.30", true, Severity::problem, "it does not find a Jetson's GPU (fixed in 0.1.30)",
               "it asks NVML, which JetPack up to 6 does not have, and computes on the CPU"},
    BadRelease{"0.1.33", false, Severity::warning, "it has no /api/ps (from 0.1.33 on)",
               "which models are loaded, and where, cannot be asked"}};

void find_bad_release(const DoctorFacts& facts, const ServerFacts& server, std::vector<Finding>& out) {
  if (is_unknown_release(server.state.version)) {
    out.push_back({"ollama-release", Severity::note, server.state.server.name,
                   "Ollama " + server.state.version + ": release unknown (built from source)",
                   "whether it has a known fault cannot be told", ""});
    return;
  }
  for (const BadRelease& bad : kBadReleases) {
    if (bad.jetson_only && !facts.report.board.jetson) continue;
    if (!is_before(server.state.version, bad.before)) continue;
    const bool worse = bad.before == "0.17.1" && exposed(server);
    out.push_back({"ollama-release", worse ? Severity::problem : bad.severity, server.state.server.name,
                   "Ollama " + server.state.version + ": " + std::string(bad.what), std::string(bad.why),
                   upgrade(server)});
  }
}

void find_exposure(const ServerFacts& server, std::vector<Finding>& out) {
  std::vector<std::string> where;
  bool published = false;
  for (const ListensOn& l : server.listens) {
    if (!is_open(l.address)) continue;
    const bool six = l.address.find(':') != std::string::npos;
    where.push_back(fmt::format("{}{}{}:{}", six ? "[" : "", l.address, six ? "]" : "", l.port));
    published = published || l.published;
  }
  if (!where.empty()) {
    out.push_back({"ollama-exposed", Severity::warning, server.state.server.name,
                   fmt::format("Ollama listens for other machines: {}{}", fmt::join(where, ", "),
                               published ? " (published by docker)" : ""),
                   "it asks for no password: who reaches the board can use, pull, push and delete models",
                   published || in_container(server)
                       ? fmt::format("docker inspect {} --format '{{{{json .HostConfig.PortBindings}}}}'  # "
                                     "start it anew with -p "
                                     "127.0.0.1:PORT:11434, and let others in by: tegrascope run "
                                     "--relay.listen-address=0.0.0.0:11481 "
                                     "--relay.guard",
                                     container_of(server))
                       : "sudo mkdir -p /etc/systemd/system/ollama.service.d && printf "
                         "'[Service]\\nEnvironment=OLLAMA_HOST=127.0.0.1\\n' "
                         "| sudo tee /etc/systemd/system/ollama.service.d/loopback.conf && sudo systemctl "
                         "daemon-reload && sudo systemctl "
                         "restart ollama  # and let others in by: tegrascope run "
                         "--relay.listen-address=0.0.0.0:11481 --relay.guard"});
  }
  if (server.origins && server.origins->find('*') != std::string::npos && *server.origins != "app://*")
    out.push_back(
        {"ollama-origins", Severity::warning, server.state.server.name, "OLLAMA_ORIGINS=" + *server.origins,
         "every web page that a user of the network opens may send requests to Ollama",
         in_container(server)
             ? "docker inspect " + container_of(server) + "  # start it anew without OLLAMA_ORIGINS=*"
             : "sudo systemctl edit ollama  # take OLLAMA_ORIGINS=* out, or name the pages"});
}

void find_devices(const DoctorFacts& facts, const ServerFacts& server, std::vector<Finding>& out) {
  if (!facts.gpu_present || !server.access) return;
  const ServeAccess& access = *server.access;
  FallbackFacts asked;
  asked.board = facts.report.board;
  asked.gpu_present = facts.gpu_present;
  asked.serve = access;
  asked.name_container = true;
  const Fallback fallback = find_fallback(asked);
  if (fallback.reason != ReasonClass::none) {
    const bool wanted = fallback.reason == ReasonClass::forced_cpu;
    // That CUDA code lies about for other machines only is a guess as long as a model runs on the GPU.
    const bool guess = fallback.reason == ReasonClass::wrong_cuda_backend;
    out.push_back({"gpu-access", wanted || guess ? Severity::warning : Severity::problem,
                   server.state.server.name, fallback.why,
                   wanted ? "every model of this server runs on the CPU"
                          : "Ollama falls back to the CPU without a word",
                   fallback.cure});
    return;
  }
  if (access.devices_denied)
    out.push_back({"gpu-access", Severity::note, server.state.server.name,
                   "Ollama may open the GPU's device nodes", "", ""});
}

void find_load_trouble(const DoctorFacts& facts, const ServerFacts& server, std::vector<Finding>& out) {
  if (!server.log || !server.log->followed || server.log->reason == ReasonClass::none) return;
  FallbackFacts asked;
  asked.board = facts.report.board;
  asked.gpu_present = facts.gpu_present;
  asked.serve = server.access;
  asked.log = server.log;
  asked.name_container = true;
  asked.load_failed = true;
  const Fallback fallback = find_fallback(asked);
  out.push_back({"log-trouble", server.log->placement == Placement::gpu ? Severity::note : Severity::warning,
                 server.state.server.name,
                 "the log's last load: " + fallback.why + ", " + std::string(to_string(fallback.reason)),
                 "the model went, or goes, to the CPU or was not loaded", fallback.cure});
}

}  // namespace

void find_in_servers(const DoctorFacts& facts, std::vector<Finding>& out) {
  if (facts.servers.empty())
    out.push_back(
        {"no-ollama", Severity::problem, "", "no Ollama was found",
         "nothing computes; or it runs where its process and port are not seen",
         "sudo systemctl start ollama  # or name it: tegrascope doctor --ollama.url=http://HOST:PORT"});
  for (const ServerFacts& server : facts.servers) {
    if (!server.state.up) {
      out.push_back({"ollama-down", Severity::problem, server.state.server.name,
                     "Ollama does not answer: " + server.state.error,
                     "clients get nothing, and nothing can be asked", "sudo systemctl restart ollama"});
    } else {
      find_how_it_runs(server, out);
      find_bad_release(facts, server, out);
    }
    find_exposure(server, out);
    find_devices(facts, server, out);
    find_load_trouble(facts, server, out);
  }
  for (const RelayFacts& relay : facts.relays) {
    const auto open = std::find_if(
        relay.addresses.begin(), relay.addresses.end(),
        [](const std::string& address) { return is_open(address.substr(0, address.rfind(':'))); });
    if (open != relay.addresses.end() && !relay.guard)
      out.push_back({"relay-open", Severity::warning, *open,
                     "tegrascope's relay listens for other machines without guard mode",
                     "they may pull, push and delete models as well",
                     "tegrascope run --relay.listen-address=" + *open + " --relay.guard"});
  }
  for (const std::string& file : facts.readable_web_configs)
    out.push_back({"web-config", Severity::warning, "", file + " may be read by every user",
                   "it holds hashes of passwords", "sudo chmod o-r " + file});
}

}  // namespace tegrascope
