#include "collectors/ollama/process_witness.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {
namespace {

constexpr std::size_t kMaxBlobsPerServer = 256;

double cores(Nanoseconds cpu, Nanoseconds wall) { return to_seconds(cpu) / to_seconds(wall); }

bool lists(const Batch& batch, const ProcessId& id) {
  return std::any_of(batch.processes.begin(), batch.processes.end(),
                     [&](const auto& p) { return p.id == id; });
}

}  // namespace

ProcessWitness::ProcessWitness(RequestIds& ids, RequestSink sink, ProcessWitnessOptions options)
    : ids_(ids), sink_(std::move(sink)), options_(options) {}

void ProcessWitness::observe(const Batch& batch) {
  if (batch.lists_processes) serves_.clear();
  for (const ProcessReading& reading : batch.processes) {
    if (reading.role == ProcessRole::serve) serves_.insert(reading.id.pid);
  }
  for (const ProcessReading& reading : batch.processes) {
    if (reading.role == ProcessRole::runner) take(reading);
  }
  if (!batch.lists_processes) return;
  drop_missing(batch);
  last_list_ = batch.started;
}

void ProcessWitness::set_servers(std::vector<OllamaServer> servers) { servers_ = std::move(servers); }

void ProcessWitness::set_state(const ServerState& state) {
  if (!state.models_known) return;
  const std::string& server = state.server.name;
  resident_[server] = state.models;
  auto& by_blob = model_by_blob_[server];
  if (by_blob.size() > kMaxBlobsPerServer) by_blob.clear();
  for (const ResidentModel& model : state.models) {
    if (!model.model_blob.empty()) by_blob[model.model_blob] = model.name;
  }
  for (auto& entry : runners_) describe(entry, false);
}

std::vector<ProcessId> ProcessWitness::busy_runners() const {
  std::vector<ProcessId> busy;
  for (const auto& [id, runner] : runners_) {
    if (runner.spell && runner.spell->id != 0) busy.push_back(id);
  }
  return busy;
}

std::string ProcessWitness::server_name(const ProcessId& runner) const {
  const auto it = runners_.find(runner);
  const OllamaServer* server = it == runners_.end() ? nullptr : server_of(it->second);
  return server == nullptr ? std::string() : server->name;
}

std::string ProcessWitness::model_name(const ProcessId& runner) const {
  const auto it = runners_.find(runner);
  return it == runners_.end() ? std::string() : model_of(it->second);
}

void ProcessWitness::finish() {
  for (auto& entry : runners_) end(entry, entry.second.samples.back().at, Outcome::incomplete);
  runners_.clear();
  last_list_.reset();
}

void ProcessWitness::take(const ProcessReading& reading) {
  if (!reading.cpu_time) return;
  auto [it, is_new] = runners_.try_emplace(reading.id);
  Runner& runner = it->second;
  runner.serve_pid = reading.serve_pid;
  if (!reading.model_blob.empty()) runner.model_blob = reading.model_blob;
  if (is_new && last_list_ && *last_list_ < reading.at)
    runner.samples.push_back({*last_list_, Nanoseconds{0}});
  if (!runner.samples.empty() && reading.at <= runner.samples.back().at) return;
  add_sample(runner, {reading.at, *reading.cpu_time});
  if (runner.spell) {
    follow(*it);
  } else {
    look_for_start(*it);
  }
}

void ProcessWitness::add_sample(Runner& runner, Sample sample) const {
  auto& samples = runner.samples;
  samples.push_back(sample);
  const Nanoseconds longest = std::max(options_.start_window, options_.end_window);
  while (samples.size() > 2 && sample.at - samples[1].at >= longest) samples.pop_front();
}

// The latest sample that lies at least `length` before the newest.
std::optional<std::size_t> ProcessWitness::window_begin(const Runner& runner, Nanoseconds length) const {
  const auto& samples = runner.samples;
  for (std::size_t i = samples.size() - 1; i-- > 0;) {
    if (samples.back().at - samples[i].at >= length) return i;
  }
  return std::nullopt;
}

bool ProcessWitness::idle_between(const Sample& from, const Sample& to) const {
  const Nanoseconds used = to.cpu - from.cpu;
  return used <= options_.cpu_resolution ||
         to_seconds(used) <= options_.end_cores * to_seconds(to.at - from.at);
}

// The sample since which no more CPU time went by than an idle runner may use.
std::size_t ProcessWitness::quiet_since(const Runner& runner) const {
  std::size_t i = 0;
  while (i + 1 < runner.samples.size() && !idle_between(runner.samples[i], runner.samples.back())) ++i;
  return i;
}

void ProcessWitness::look_for_start(Runners::value_type& entry) {
  Runner& runner = entry.second;
  const auto begin = window_begin(runner, options_.start_window);
  if (!begin) return;
  const auto& samples = runner.samples;
  const Sample& first = samples[*begin];
  const Sample& newest = samples.back();
  if (cores(newest.cpu - first.cpu, newest.at - first.at) < options_.start_cores) return;
  std::size_t idle = *begin;
  while (idle + 2 < samples.size() && idle_between(first, samples[idle + 1])) ++idle;
  const MonotonicTime started = samples[idle].at;
  runner.spell = Spell{started, std::max(started, samples[quiet_since(runner)].at), 0, false};
  confirm(entry);
}

void ProcessWitness::follow(Runners::value_type& entry) {
  Runner& runner = entry.second;
  auto& samples = runner.samples;
  const std::size_t quiet = quiet_since(runner);
  Spell& spell = *runner.spell;
  spell.last_busy = std::max(spell.last_busy, samples[quiet].at);
  confirm(entry);
  const auto begin = window_begin(runner, options_.end_window);
  const Sample& newest = samples.back();
  if (!begin || cores(newest.cpu - samples[*begin].cpu, newest.at - samples[*begin].at) >= options_.end_cores)
    return;
  end(entry, spell.last_busy, Outcome::ok);
  samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(quiet));
}

void ProcessWitness::confirm(Runners::value_type& entry) {
  Spell& spell = *entry.second.spell;
  if (spell.id != 0 || spell.last_busy - spell.started < options_.shortest) return;
  spell.id = ids_.next();
  const OllamaServer* server = server_of(entry.second);
  sink_(RequestStarted{spell.id, Witness::process, server ? server->name : "unknown", "other",
                       Operation::other, spell.started});
  describe(entry, false);
}

void ProcessWitness::describe(Runners::value_type& entry, bool last_chance) {
  auto& spell = entry.second.spell;
  if (!spell || spell->id == 0 || spell->described) return;
  const std::string model = model_of(entry.second);
  if (model.empty() && !last_chance) return;
  spell->described = true;
  sink_(RequestDescribed{spell->id, model, false, std::nullopt, entry.first});
}

void ProcessWitness::end(Runners::value_type& entry, MonotonicTime at, Outcome outcome) {
  auto& spell = entry.second.spell;
  if (!spell) return;
  if (spell->id != 0) {
    describe(entry, true);
    RequestEnded ended;
    ended.id = spell->id;
    ended.at = std::max(at, spell->started);
    ended.outcome = outcome;
    sink_(std::move(ended));
  }
  spell.reset();
}

void ProcessWitness::drop_missing(const Batch& batch) {
  for (auto it = runners_.begin(); it != runners_.end();) {
    if (lists(batch, it->first)) {
      ++it;
      continue;
    }
    end(*it, it->second.samples.back().at, Outcome::incomplete);
    it = runners_.erase(it);
  }
}

const OllamaServer* ProcessWitness::server_of(const Runner& runner) const {
  for (const OllamaServer& server : servers_) {
    if (runner.serve_pid != 0 && server.serve_pid == runner.serve_pid) return &server;
  }
  if (servers_.size() != 1) return nullptr;
  const OllamaServer& only = servers_.front();
  const bool both_known = runner.serve_pid != 0 && only.serve_pid != 0;
  const bool restarted = serves_.count(runner.serve_pid) != 0 && serves_.count(only.serve_pid) == 0;
  return both_known && !restarted ? nullptr : &only;
}

std::string ProcessWitness::model_of(const Runner& runner) const {
  const OllamaServer* server = server_of(runner);
  if (server == nullptr) return {};
  const auto blobs = model_by_blob_.find(server->name);
  if (blobs != model_by_blob_.end() && !runner.model_blob.empty()) {
    if (const auto known = blobs->second.find(runner.model_blob); known != blobs->second.end())
      return known->second;
  }
  const auto siblings = std::count_if(runners_.begin(), runners_.end(),
                                      [&](const auto& r) { return server_of(r.second) == server; });
  const auto resident = resident_.find(server->name);
  if (siblings != 1 || resident == resident_.end() || resident->second.size() != 1) return {};
  // The one resident model is another one when both blobs are known and differ.
  const ResidentModel& only = resident->second.front();
  return runner.model_blob.empty() || only.model_blob.empty() ? only.name : std::string{};
}

}  // namespace tegrascope
