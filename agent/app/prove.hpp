// One short request to a running Ollama while the board is watched: where did it run? What `tegrascope prove` does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/config.hpp"
#include "agent/model/fallback.hpp"
#include "agent/model/ollama.hpp"
#include "agent/model/request.hpp"

namespace tegrascope {

struct ProveOptions {
  std::string model;                            // empty: the one that is resident
  int tokens = 64;                              // to generate; more when they come too fast to tell
  std::chrono::milliseconds patience{600'000};  // for one answer, the load included
  // The model is not resident: may it be loaded? Given its name as Ollama resolves it and its size on disk, 0 unknown.
  std::function<bool(const std::string& model, std::uint64_t bytes)> may_load;
};

struct Proof {
  std::string server;   // host:port; empty: none was found
  std::string version;  // of Ollama
  std::string model;    // as Ollama resolves it; empty: none was asked
  std::string trouble;  // why there is no verdict at all, and what to do; empty: the request was answered
  bool load_failed = false;
  bool was_resident = false;
  Verdict verdict;
  std::optional<double> gpu_load_ratio;
  std::optional<double> runner_cores;
  std::optional<std::int64_t> tokens;
  std::optional<double> tokens_per_second;
  std::optional<double> joules_per_token;  // of the board, its idle draw included, loading left out
  std::optional<double> declared_gpu_share;
  Fallback fallback;  // not on the GPU, or not loaded: why

  bool on_gpu() const { return trouble.empty() && verdict.placement == Placement::gpu; }
};

// Talks to the first server of the configuration only; starts and restarts nothing. A resident model is asked with its
// own context length, so that Ollama does not load it anew. Takes about ten seconds on an Orin Nano. Throws
// std::invalid_argument for a wrong configuration. No other thread of the program may use the log meanwhile.
Proof prove(const Config& config, const ProveOptions& options);

// The one line, without a line break.
std::string proof_text(const Proof& proof);
std::string proof_json(const Proof& proof);

}  // namespace tegrascope
