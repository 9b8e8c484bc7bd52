// What the configuration says about this host, for whoever watches it: the agent, prove, doctor.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/analysis/analysis.hpp"
#include "agent/app/config.hpp"
#include "agent/app/log.hpp"
#include "agent/model/ollama.hpp"
#include "collectors/deadline_read.hpp"
#include "collectors/sampler.hpp"

namespace tegrascope {

// Takes the host's files as they are; one that hangs is left out and logged.
template <class T>
T read_host(const Config& config, T (*read)(const Config&)) {
  std::vector<ReadError> errors;
  auto value = read_under_deadline<T>([config, read] { return read(config); }, errors);
  for (const ReadError& error : errors) log_warn("not readable", {{"error", error.where}});
  return value ? *std::move(value) : T{};
}

// The next two read files: call them through read_host().
// --ollama.url: the servers named, or those found. Throws std::invalid_argument that names a wrong URL.
std::vector<OllamaServer> find_servers(const Config& config);
// Board, cores and what follows from the sampling intervals.
AnalysisOptions analysis_options(const Config& config);

// The collectors that are switched on.
std::vector<SampledCollector> make_collectors(const Config& config);

}  // namespace tegrascope
