// Which models are where: what servers declare, which runner processes exist, and which runner serves which
// model. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"

namespace tegrascope {

class Residency {
 public:
  void set_server(const ServerState& state);
  // Servers that discovery no longer sees are dropped.
  void keep_only(const std::vector<OllamaServer>& servers);
  // Complete list of Ollama's processes alive.
  void set_processes(const std::vector<ProcessReading>& processes);

  const std::map<std::string, ServerState>& servers() const { return servers_; }
  // Ollama for a server that nothing is known of.
  UpstreamKind kind_of(const std::string& server) const;
  const std::vector<ProcessReading>& processes() const { return processes_; }

  // The runner that serves `model` (as Ollama resolves it) on `server`: the one whose --model blob is the resident
  // model's, else the only one of that server that is not known to be another model's. Absent: none, or not to be told
  // apart.
  std::optional<ProcessReading> runner_of(const std::string& server, const std::string& model) const;
  // As runner_of(), and only when nothing else can be meant: the model is resident, and the runner's blob is its
  // own or, where that is not known, both are the only ones of the server.
  std::optional<ProcessReading> runner_of_resident(const std::string& server, const std::string& model) const;
  std::optional<ProcessReading> runner(const ProcessId& id) const;
  // The resident model that a runner serves: runner_of_resident() the other way round. Empty: not known.
  std::string model_of(const std::string& server, const ProcessId& runner) const;
  // The runner is known to serve another model of the server.
  bool runs_another(const ProcessReading& runner, const std::string& server, const std::string& model) const;

  // The only model that the server holds in memory; absent: none, several, or computed elsewhere.
  std::optional<std::string> only_model(const std::string& server) const;
  // The model as the server's last list has it; null: not in it. Valid until the next set_server().
  const ResidentModel* resident(const std::string& server, const std::string& model) const;

  // A server holds a model in memory.
  bool any_model() const;
  // The server says that another host computes the model.
  bool is_remote(const std::string& server, const std::string& model) const;

  // size_vram / size that the server declares for the model; absent when it is not resident or gave no size.
  std::optional<double> declared_gpu_share(const std::string& server, const std::string& model) const;

 private:
  std::map<std::string, ServerState> servers_;
  std::map<std::string, UpstreamKind> kinds_;  // before the first poll too
  std::vector<ProcessReading> processes_;
};

}  // namespace tegrascope
