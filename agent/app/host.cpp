#include "agent/app/host.hpp"

#include <algorithm>
#include <sstream>

#include "agent/app/collector_choice.hpp"
#include "collectors/jetson/board.hpp"
#include "collectors/ollama/discovery.hpp"
#include "collectors/sysfs_file.hpp"

namespace tegrascope {
namespace {

// Online cores of the host that PROCFS describes.
int count_cores(const HostPaths& paths) {
  std::istringstream stat(read_once(paths.procfs / "stat"));
  int cores = 0;
  for (std::string line; std::getline(stat, line);) {
    if (line.size() > 3 && line.compare(0, 3, "cpu") == 0 && line[3] != ' ') ++cores;
  }
  return std::max(cores, 1);
}

}  // namespace

std::vector<OllamaServer> find_servers(const Config& config) {
  if (config.ollama_urls == std::vector<std::string>{"auto"}) return discover_servers(config.paths);
  std::vector<OllamaServer> servers;
  for (const std::string& url : config.ollama_urls) {
    servers.push_back(server_from_url(url));
    servers.back().kind = config.upstream_kind;
  }
  if (config.upstream_kind != UpstreamKind::ollama) return servers;
  assign_serve_pid(servers, config.paths);
  return servers;
}

AnalysisOptions analysis_options(const Config& config) {
  AnalysisOptions options;
  options.board = read_board(config.paths);
  if (!options.board->jetson)
    log_info("this is no Jetson that the agent knows: generic Linux collectors only",
             {{"model", options.board->module.empty() ? "unknown" : options.board->module}});
  options.gpu_present = gpu_present(config.paths);
  options.attribution.cores = count_cores(config.paths);
  // Two samples lie up to two idle slots apart.
  options.attribution.sensors.max_gap = 3 * config.sample_idle_interval;
  options.attribution.hold_idle = 2 * config.sample_idle_interval;
  options.placement = config.placement;
  return options;
}

std::vector<SampledCollector> make_collectors(const Config& config) {
  std::vector<SampledCollector> collectors;
  for (const ChosenCollector& chosen : choose_collectors(config)) {
    if (chosen.make == nullptr) continue;
    collectors.push_back({std::string(chosen.info->name), chosen.info->period,
                          [make = chosen.make, paths = config.paths] { return make(paths); }});
  }
  return collectors;
}

}  // namespace tegrascope
