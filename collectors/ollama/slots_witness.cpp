#include "collectors/ollama/slots_witness.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {

SlotsWitness::SlotsWitness(RequestIds& ids, RequestSink sink, RunnerNames names)
    : ids_(ids), sink_(std::move(sink)), names_(std::move(names)) {}

void SlotsWitness::observe(const SlotsReading& reading) {
  if (!reading.error.empty()) return end_runner(reading.runner);
  for (const Slot& slot : reading.slots) {
    const Key key{reading.runner, slot.id};
    auto it = tasks_.find(key);
    const bool same = it != tasks_.end() && it->second.number == slot.task;
    if (it != tasks_.end() && (!slot.processing || !same)) {
      // A slot at rest keeps the figures of its last task.
      if (same) it->second.decoded = std::max(it->second.decoded, slot.decoded);
      const MonotonicTime seen = it->second.seen;
      end(it, seen + (reading.at - seen) / 2, Outcome::ok);
      it = tasks_.end();
    }
    if (!slot.processing) continue;
    if (it == tasks_.end()) {
      start(key, slot, reading.at);
    } else {
      follow(it->second, slot, reading.at);
    }
  }
}

void SlotsWitness::observe(const Batch& batch) {
  if (!batch.lists_processes) return;
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    const ProcessId runner = it->first.first;
    const bool alive = std::any_of(batch.processes.begin(), batch.processes.end(),
                                   [&](const ProcessReading& p) { return p.id == runner; });
    const auto next = std::next(it);
    if (!alive) end(it, it->second.seen, Outcome::incomplete);
    it = next;
  }
}

bool SlotsWitness::busy(const ProcessId& runner) const {
  const auto it = tasks_.lower_bound({runner, INT64_MIN});
  return it != tasks_.end() && it->first.first == runner;
}

void SlotsWitness::start(const Key& key, const Slot& slot, MonotonicTime at) {
  Task& task = tasks_[key];
  task.id = ids_.next();
  task.number = slot.task;
  const std::string server = names_.server(key.first);
  sink_(RequestStarted{task.id, Witness::slots, server.empty() ? "unknown" : server, "other",
                       Operation::other, at});
  RequestDescribed described;
  described.id = task.id;
  described.model = names_.model(key.first);
  described.streamed = true;  // its tokens are seen as they come
  described.runner = key.first;
  sink_(std::move(described));
  follow(task, slot, at);
}

void SlotsWitness::follow(Task& task, const Slot& slot, MonotonicTime at) {
  task.seen = at;
  if (slot.decoded <= task.decoded) return;
  task.decoded = slot.decoded;
  if (!task.first_content) task.first_content = at;
  RequestProgress progress;
  progress.id = task.id;
  progress.at = at;
  progress.first_content = task.first_content;
  progress.content_chunks = task.decoded;
  sink_(std::move(progress));
}

void SlotsWitness::end(std::map<Key, Task>::iterator it, MonotonicTime at, Outcome outcome) {
  RequestEnded ended;
  ended.id = it->second.id;
  ended.at = at;
  ended.outcome = outcome;
  ended.first_content = it->second.first_content;
  ended.content_chunks = it->second.decoded;
  tasks_.erase(it);
  sink_(std::move(ended));
}

void SlotsWitness::end_runner(const ProcessId& runner) {
  for (auto it = tasks_.lower_bound({runner, INT64_MIN}); it != tasks_.end() && it->first.first == runner;) {
    const auto next = std::next(it);
    end(it, it->second.seen, Outcome::incomplete);
    it = next;
  }
}

}  // namespace tegrascope
