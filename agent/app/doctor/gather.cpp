#include "agent/app/doctor/gather.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "agent/app/ask.hpp"
#include "agent/app/fallback_facts.hpp"
#include "agent/app/host.hpp"
#include "collectors/jetson/board.hpp"
#include "collectors/ollama/answers.hpp"
#include "collectors/ollama/gpu_access.hpp"
#include "collectors/ollama/log/log_places.hpp"
#include "collectors/ollama/process_table.hpp"
#include "collectors/ollama/server_address.hpp"
#include "collectors/ollama/socket_table.hpp"
#include "collectors/read_watch.hpp"
#include "collectors/sysfs_file.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

// Of the files in `config`, under a deadline; what hangs is left out.
template <class T, class Read>
T read_files(Read read) {
  std::vector<ReadError> unreadable;
  auto value = read_under_deadline<T>(std::move(read), unreadable);
  return value ? *std::move(value) : T{};
}

std::optional<std::string> variable_of(const fs::path& process, std::string_view name) {
  std::optional<std::string> value;
  for_each_part(read_whole(process / "environ").value_or(""), '\0', [&](std::string_view variable) {
    if (variable.starts_with(name) && variable.substr(name.size()).starts_with('='))
      value = variable.substr(name.size() + 1);
  });
  return value;
}

// What only files tell of one server.
struct Surroundings {
  std::vector<ListensOn> listens;
  bool own_network = true;
  std::optional<std::string> origins;
  std::string log_path;
  GpuAccess access;
};

Surroundings look_around(const OllamaServer& server, const std::vector<ProcessId>& runners,
                         const HostPaths& paths, const std::string& log_setting) {
  Surroundings found;
  const auto places = find_log_places({server}, paths, log_setting);
  if (!places.empty()) found.log_path = places.front().path.string();
  std::vector<std::int64_t> serves;
  if (server.serve_pid != 0) serves.push_back(server.serve_pid);
  found.access = read_gpu_access(serves, runners, paths);
  const auto address = address_of_url(server.url);
  if (server.serve_pid == 0 || !address) return found;
  const fs::path process = paths.procfs / std::to_string(server.serve_pid);
  found.origins = variable_of(process, "OLLAMA_ORIGINS");
  for (const PublishedPort& p : read_process_table(paths.procfs).published)
    if (p.host_port == address->port) found.listens.push_back({p.host_ip, p.host_port, true});
  if (!found.listens.empty()) {
    found.own_network = false;
    return found;
  }
  const auto sockets = read_socket_table(process / "net");
  if (!sockets) return found;
  for (const ListeningSocket& s : sockets->listening)
    if (s.port == address->port) found.listens.push_back({s.address, s.port, false});
  return found;
}

ServerFacts look_at(const OllamaServer& server, const Config& config,
                    const std::vector<ProcessReading>& processes) {
  ServerFacts facts;
  Ask ask(server.url);
  facts.state = ask.state(server, true);
  // Which runner is whose, where there are several.
  for (ResidentModel& model : facts.state.models) {
    const HttpAnswer shown = ask.post("/api/show", nlohmann::json{{"model", model.name}}.dump());
    if (shown.status == 200) model.model_blob = parse_show(shown.body).blob;
  }
  std::vector<ProcessId> runners;
  for (const ProcessReading& process : processes) {
    if (process.role != ProcessRole::runner) continue;
    if (server.serve_pid != 0 && process.serve_pid != 0 && process.serve_pid != server.serve_pid) continue;
    runners.push_back(process.id);
    facts.runners.push_back({process, std::nullopt});
  }
  const auto found =
      read_files<Surroundings>([server, runners, paths = config.paths, setting = config.ollama_log_file] {
        return look_around(server, runners, paths, setting);
      });
  facts.listens = found.listens;
  facts.own_network = found.own_network;
  facts.origins = found.origins;
  facts.log_path = found.log_path;
  if (!found.access.serves.empty()) facts.access = found.access.serves.front();
  for (RunnerFacts& runner : facts.runners)
    for (const RunnerAccess& access : found.access.runners)
      if (access.id == runner.process.id) runner.access = access;
  if (!facts.log_path.empty()) facts.log = read_server_log(server, config);
  return facts;
}

std::vector<RelayFacts> find_relays(const fs::path& procfs) {
  std::vector<RelayFacts> relays;
  constexpr std::string_view listen = "--relay.listen-address=";
  for (const std::string& name : list_directory(procfs)) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string cmdline = read_whole(procfs / name / "cmdline").value_or("");
    RelayFacts relay;
    std::size_t position = 0;
    bool ours = true;
    for_each_part(cmdline, '\0', [&](std::string_view word) {
      if (position == 0) ours = word.substr(word.rfind('/') + 1) == "tegrascope";
      if (position == 1) ours = ours && (word == "run" || word == "demo");
      ++position;
      if (word.starts_with(listen) && word.size() > listen.size())
        relay.addresses.emplace_back(word.substr(listen.size()));
      if (word == "--relay.guard" || word == "--relay.guard=true") relay.guard = true;
    });
    if (ours && position > 1 && !relay.addresses.empty()) relays.push_back(std::move(relay));
  }
  return relays;
}

std::vector<std::string> find_readable_web_configs(const fs::path& rootfs) {
  std::vector<std::string> files;
  const fs::path folder = rootfs / "etc/tegrascope";
  for (const std::string& name : list_directory(folder)) {
    if (name.find("web") == std::string::npos) continue;
    const fs::path path = folder / name;
    const WatchedRead watched(path);
    struct stat info {};
    if (!watched.refused() && ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
      files.push_back("/etc/tegrascope/" + name);
  }
  return files;
}

// Of this process.
bool may_capture() {
  constexpr std::uint64_t kNetRaw = std::uint64_t{1} << 13U;
  std::uint64_t capabilities = 0;
  for_each_part(read_whole("/proc/self/status").value_or(""), '\n', [&](std::string_view line) {
    if (!remove_prefix(line, "CapEff:")) return;
    line = trim(line);
    std::from_chars(line.data(), line.data() + line.size(), capabilities, 16);
  });
  return (capabilities & kNetRaw) != 0;
}

std::vector<ProcessReading> processes_of(const BoardReport& report) {
  std::vector<ProcessReading> processes;
  for (const CollectorReport& collector : report.collectors)
    for (const ProcessReport& process : collector.processes) processes.push_back(process.process);
  return processes;
}

}  // namespace

DoctorFacts gather_doctor_facts(Config config) {
  config.collectors.try_emplace("tegrastats", true);
  const std::vector<OllamaServer> servers = read_host(config, find_servers);
  DoctorFacts facts;
  facts.report = read_board_report(config);
  const std::vector<ProcessReading> processes = processes_of(facts.report);
  for (const OllamaServer& server : servers) facts.servers.push_back(look_at(server, config, processes));
  facts.gpu_present = read_files<bool>([paths = config.paths] { return gpu_present(paths); });
  facts.relays =
      read_files<std::vector<RelayFacts>>([paths = config.paths] { return find_relays(paths.procfs); });
  facts.readable_web_configs = read_files<std::vector<std::string>>(
      [paths = config.paths] { return find_readable_web_configs(paths.rootfs); });
  facts.may_capture = read_files<bool>([] { return may_capture(); });
  return facts;
}

}  // namespace tegrascope
