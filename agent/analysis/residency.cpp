#include "agent/analysis/residency.hpp"

#include <algorithm>

namespace tegrascope {

void Residency::set_server(const ServerState& state) {
  ServerState& stored = servers_[state.server.name];
  const std::vector<ResidentModel> before = std::move(stored.models);
  stored = state;
  kinds_[state.server.name] = state.server.kind;
  // A poll that timed out leaves open what is resident: the last list stands.
  if (state.up && !state.models_known) stored.models = before;
}

void Residency::keep_only(const std::vector<OllamaServer>& servers) {
  kinds_.clear();
  for (const OllamaServer& server : servers) kinds_[server.name] = server.kind;
  std::erase_if(servers_, [&](const auto& entry) {
    return std::none_of(servers.begin(), servers.end(),
                        [&](const OllamaServer& s) { return s.name == entry.first; });
  });
}

UpstreamKind Residency::kind_of(const std::string& server) const {
  const auto kind = kinds_.find(server);
  return kind == kinds_.end() ? UpstreamKind::ollama : kind->second;
}

void Residency::set_processes(const std::vector<ProcessReading>& processes) { processes_ = processes; }

const ResidentModel* Residency::resident(const std::string& server, const std::string& model) const {
  const auto state = servers_.find(server);
  if (state == servers_.end()) return nullptr;
  for (const ResidentModel& m : state->second.models) {
    if (m.name == model) return &m;
  }
  return nullptr;
}

std::optional<ProcessReading> Residency::runner_of(const std::string& server,
                                                   const std::string& model) const {
  const auto state = servers_.find(server);
  const std::int64_t serve_pid = state == servers_.end() ? 0 : state->second.server.serve_pid;
  std::vector<const ProcessReading*> candidates;
  for (const ProcessReading& p : processes_) {
    if (p.role != ProcessRole::runner) continue;
    if (serve_pid != 0 && p.serve_pid != 0 && p.serve_pid != serve_pid) continue;
    candidates.push_back(&p);
  }
  const ResidentModel* m = resident(server, model);
  if (m != nullptr && !m->model_blob.empty()) {
    for (const ProcessReading* p : candidates) {
      if (p->model_blob == m->model_blob) return *p;
    }
  }
  std::erase_if(candidates, [&](const ProcessReading* p) { return runs_another(*p, server, model); });
  return candidates.size() == 1 ? std::optional(*candidates.front()) : std::nullopt;
}

bool Residency::runs_another(const ProcessReading& runner, const std::string& server,
                             const std::string& model) const {
  const auto state = servers_.find(server);
  if (state == servers_.end() || runner.model_blob.empty()) return false;
  const ResidentModel* own = resident(server, model);
  if (own != nullptr && !own->model_blob.empty()) return own->model_blob != runner.model_blob;
  return std::any_of(
      state->second.models.begin(), state->second.models.end(),
      [&](const ResidentModel& other) { return &other != own && other.model_blob == runner.model_blob; });
}

std::optional<ProcessReading> Residency::runner_of_resident(const std::string& server,
                                                            const std::string& model) const {
  const ResidentModel* m = resident(server, model);
  const auto found = m == nullptr ? std::nullopt : runner_of(server, model);
  if (!found) return std::nullopt;
  if (!m->model_blob.empty() && !found->model_blob.empty())
    return found->model_blob == m->model_blob ? found : std::nullopt;
  return servers_.at(server).models.size() == 1 ? found : std::nullopt;
}

std::optional<std::string> Residency::only_model(const std::string& server) const {
  const auto state = servers_.find(server);
  if (state == servers_.end() || !state->second.up || state->second.models.size() != 1) return std::nullopt;
  const ResidentModel& model = state->second.models.front();
  return model.remote ? std::nullopt : std::optional(model.name);
}

std::optional<ProcessReading> Residency::runner(const ProcessId& id) const {
  for (const ProcessReading& p : processes_) {
    if (p.id == id) return p;
  }
  return std::nullopt;
}

std::string Residency::model_of(const std::string& server, const ProcessId& id) const {
  const auto state = servers_.find(server);
  if (state == servers_.end()) return {};
  for (const ResidentModel& m : state->second.models) {
    const auto found = runner_of_resident(server, m.name);
    if (found && found->id == id) return m.name;
  }
  return {};
}

bool Residency::is_remote(const std::string& server, const std::string& model) const {
  const auto state = servers_.find(server);
  if (state == servers_.end()) return false;
  const std::vector<std::string>& remote = state->second.remote_models;
  return std::find(remote.begin(), remote.end(), model) != remote.end();
}

std::optional<double> Residency::declared_gpu_share(const std::string& server,
                                                    const std::string& model) const {
  const ResidentModel* m = resident(server, model);
  if (m == nullptr || !m->size_bytes || *m->size_bytes == 0 || !m->size_vram_bytes) return std::nullopt;
  return std::min(static_cast<double>(*m->size_vram_bytes) / static_cast<double>(*m->size_bytes), 1.0);
}

bool Residency::any_model() const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [](const auto& s) { return !s.second.models.empty(); });
}

}  // namespace tegrascope
