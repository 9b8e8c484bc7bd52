// Where servers log to, as far as that can be found without asking anybody.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

struct LogPlace {
  std::string server;  // OllamaServer::name
  std::filesystem::path path;
  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

// `setting` is --ollama.log-file: the file of the first server, taken as it is; or "auto", for each server:
//
// - OLLAMA_LOGS in PROCFS/PID/environ of its `ollama serve`, where that can be read (the dustynv images set it);
// - else, when it is the only server, /data/logs/ollama.log, if there is one: start_ollama of the dustynv images
//   (jetson-containers) redirects the server's output there.
//
// Either is a path as the server sees it: of ROOTFS, or of PROCFS/PID/root where that is another file.
// Servers without a log to follow, and those that are no Ollama, have no place. Blocks for file reads only; never
// throws; call it under read_under_deadline().
std::vector<LogPlace> find_log_places(const std::vector<OllamaServer>& servers, const HostPaths& paths,
                                      const std::string& setting);

}  // namespace tegrascope
