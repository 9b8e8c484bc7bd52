// Changes in the middle of a scenario: settings, runners that crash, Ollama restarted.
#include <algorithm>

#include "simulator/board.hpp"
#include "simulator/virtual/ollama.hpp"

namespace tegrascope::simulator {

void VirtualOllama::change(const ScenarioChange& change) {
  conditions_.apply(change);
  if (change.restart == Restart::ollama) restart_ollama();
  if (change.restart == Restart::runner) {
    std::vector<std::string> names;
    for (const auto& [name, runner] : runners_)
      if (change.model.empty() || change.model == name) names.push_back(name);
    for (const std::string& name : names) kill_runner(name);
  }
  for (auto& [name, runner] : runners_) runner.speed = conditions_.speed(*runner.model, runner.setup);
}

// Its requests fail; those that wait for the model load it anew.
void VirtualOllama::kill_runner(const std::string& model) {
  std::vector<Job*> lost;
  for (const auto& [id, job] : jobs_) {
    if (job->truth.model == model && job->stage != Stage::waiting_for_model) lost.push_back(job.get());
  }
  if (runners_.at(model).leaving) evicting_ = false;
  runners_.erase(model);
  for (Job* job : lost) fail(*job);
  begin_load();
}

void VirtualOllama::restart_ollama() {
  std::vector<Job*> lost;
  for (const auto& [id, job] : jobs_) lost.push_back(job.get());
  runners_.clear();
  evicting_ = false;
  for (Job* job : lost) fail(*job);
  const Nanoseconds up = kBootedBefore + now_.time_since_epoch();
  serve_ = {serve_.pid + 4000, static_cast<std::uint64_t>(to_seconds(up) * 100.0)};
  serve_cpu_at_start_ = 3.1 + workload_.serve_cpu_seconds();
}

void VirtualOllama::fail(Job& job) {
  job.truth.failed = true;
  if (job.stage == Stage::decode) {
    job.truth.eval_duration = now_ - job.phase_began;
    job.truth.output_tokens = decoded(job);
  }
  if (loader_ == &job) loader_ = nullptr;
  wanting_.remove(&job);
  end(job);
}

}  // namespace tegrascope::simulator
