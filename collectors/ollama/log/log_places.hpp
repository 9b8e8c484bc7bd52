// Where servers log to, as far as that can be found without asking anybody.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {

struct LogPlace {
  std::string server;          // OllamaServer::name
  std::filesystem::path path;  // of the file; of a journal: the root of the file system that it is in
  std::string journal_unit{};  // the unit whose journal it is, as ollama.service; empty: a file
  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

// For messages.
std::string to_string(const LogPlace& place);

// `setting` is --ollama.log-file: the log of the first server, taken as it is: a file, or "journal:UNIT" (the
// suffix .service may be left out); or "auto", for each server the first of these:
//
// - OLLAMA_LOGS in PROCFS/PID/environ of its `ollama serve`, where that can be read (the dustynv images set it);
// - the file that its standard output goes to (PROCFS/PID/fd/1), where that can be read: access lines go there;
// - when it is the only server, /data/logs/ollama.log, if there is one: start_ollama of the dustynv images
//   (jetson-containers) redirects the server's output there;
// - the journal of its systemd unit (PROCFS/PID/cgroup), where ROOTFS has a journal; not of a user's own units.
//
// A file is a path as the server sees it: of ROOTFS, or of PROCFS/PID/root where that is another file.
// Servers without a log to follow, and those that are no Ollama, have no place. Blocks for file reads only; never
// throws; call it under read_under_deadline().
std::vector<LogPlace> find_log_places(const std::vector<OllamaServer>& servers, const HostPaths& paths,
                                      const std::string& setting);

}  // namespace tegrascope
