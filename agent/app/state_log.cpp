#include "agent/app/state_log.hpp"

#include <algorithm>

#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

// Some files are looked at once a minute only (collectors/probe.hpp): a collector that reports one of them each time
// has not been well in between.
constexpr Nanoseconds kQuietBeforeUp = std::chrono::seconds(70);

std::string_view describe(Placement placement) {
  switch (placement) {
    case Placement::gpu:
      return "model runs on the GPU";
    case Placement::partial:
      return "model runs partly on the CPU";
    case Placement::cpu:
      return "model runs on the CPU";
    case Placement::unknown:
      return "where the model runs is not known";
  }
  return "";
}

}  // namespace

void StateLog::note(const Snapshot& snapshot) {
  note_collectors(snapshot);
  note_servers(snapshot);
  note_placements(snapshot);
  note_capture(snapshot);
  note_logs(snapshot);
}

void StateLog::note_capture(const Snapshot& snapshot) {
  if (!snapshot.capture || capture_ == snapshot.capture->error) return;
  capture_ = snapshot.capture->error;
  if (snapshot.capture->up) {
    log_info("packet capture is on");
  } else {
    log_warn("packet capture is off, the other witnesses go on", {{"error", snapshot.capture->error}});
  }
}

void StateLog::note_logs(const Snapshot& snapshot) {
  for (const ServerView& view : snapshot.servers) {
    if (!view.log) continue;
    const ServerLog& now = *view.log;
    const auto [it, first] = logs_.try_emplace(now.server, ServerLog{});
    ServerLog& known = it->second;
    if (now.followed && !known.followed) {
      log_info("the server's log is followed", {{"server", now.server}});
    } else if (!now.followed && (first || known.error != now.error)) {
      log_warn("the server's log cannot be followed, the other witnesses go on",
               {{"server", now.server}, {"error", now.error}});
    }
    known = now;
  }
}

void StateLog::note(const Event& event) {
  if (event.kind == EventKind::fallback || event.kind == EventKind::recovery) return;
  const LogLevel level = is_alarm(event.kind) ? LogLevel::warn : LogLevel::info;
  if (event.server.empty()) {
    log(level, event.text);
    return;
  }
  log(level, event.text,
      {{"server", event.server},
       {"model", event.model},
       {"reason", std::string(to_string(event.reason))},
       {"cure", event.cure}});
}

void StateLog::note_collectors(const Snapshot& snapshot) {
  for (const CollectorStatus& c : snapshot.collectors) {
    if (!c.up && !c.absent && c.error.empty()) continue;  // a child process that has not spoken yet
    const std::string state = c.absent ? "absent" : !c.up ? "failed" : c.error.empty() ? "up" : "degraded";
    auto& [known, last_error] = collectors_[c.name];
    if (!c.error.empty()) last_error = snapshot.at;
    if (known == state) continue;
    if (state == "up" && last_error && snapshot.at - *last_error < kQuietBeforeUp) continue;
    known = state;
    if (state == "up") {
      log_info("collector is up", {{"collector", c.name}});
    } else if (state == "absent") {
      log_info("collector has nothing to read here", {{"collector", c.name}});
    } else {
      log_warn(c.up ? "a sensor failed, the collector's others go on" : "collector failed",
               {{"collector", c.name}, {"error", c.error}});
    }
  }
}

void StateLog::note_servers(const Snapshot& snapshot) {
  for (const ServerView& view : snapshot.servers) {
    const ServerState& s = view.state;
    const std::string state = s.up ? "up " + s.version : s.error;
    std::string& known = servers_[s.server.name];
    if (known == state) continue;
    known = state;
    const bool ollama = s.server.kind == UpstreamKind::ollama;
    if (s.up) {
      log_info(ollama ? "Ollama answers" : "the server answers",
               {{"server", s.server.name}, {"version", s.version}});
    } else {
      log_warn(ollama ? "Ollama does not answer" : "the server does not answer",
               {{"server", s.server.name}, {"error", s.error}});
    }
  }
}

void StateLog::note_placements(const Snapshot& snapshot) {
  for (const ModelView& view : snapshot.models) {
    if (!view.placement) continue;
    const ModelKey key{view.server, view.model};
    const auto [it, first] = placements_.try_emplace(key, *view.placement);
    if (!first && it->second == *view.placement) continue;
    it->second = *view.placement;
    const bool expected = *view.placement == Placement::gpu || !view.gpu_expected;
    if (view.fallback) {
      log_warn(describe(*view.placement), {{"server", view.server},
                                           {"model", view.model},
                                           {"evidence", view.placement_evidence},
                                           {"reason", std::string(to_string(view.fallback->reason))},
                                           {"cure", view.fallback->cure}});
      continue;
    }
    log(expected ? LogLevel::info : LogLevel::warn, describe(*view.placement),
        {{"server", view.server}, {"model", view.model}, {"evidence", view.placement_evidence}});
  }
}

void StateLog::note_request(const RequestRecord& record) {
  log_debug("request judged", {{"id", std::to_string(record.id)},
                               {"witness", std::string(to_string(record.witness))},
                               {"server", record.server},
                               {"model", record.model},
                               {"outcome", std::string(to_string(record.outcome))},
                               {"placement", std::string(to_string(record.verdict.placement))},
                               {"evidence", record.verdict.explanation}});
}

}  // namespace tegrascope
