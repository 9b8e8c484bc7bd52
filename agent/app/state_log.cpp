#include "agent/app/state_log.hpp"

#include <algorithm>

#include "agent/analysis/timeline.hpp"
#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

// Some files are looked at once a minute only (collectors/probe.hpp): a collector that reports one of them each time
// has not been well in between.
constexpr Nanoseconds kQuietBeforeBetter = std::chrono::seconds(70);

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

void StateLog::note(const CaptureView& capture) {
  if (capture_ == capture.error) return;
  capture_ = capture.error;
  if (capture.up) {
    log_info("packet capture is on");
  } else {
    log_warn("packet capture is off, the other witnesses go on", {{"error", capture.error}});
  }
}

void StateLog::note(const ServerLog& log) {
  const auto [known, first] = logs_.try_emplace(log.server);
  const std::optional<std::string> trouble = log.followed ? std::nullopt : std::optional(log.error);
  if (!first && known->second == trouble) return;
  known->second = trouble;
  if (log.followed) {
    log_info("the server's log is followed", {{"server", log.server}});
  } else {
    log_warn("the server's log cannot be followed, the other witnesses go on",
             {{"server", log.server}, {"error", log.error}});
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

void StateLog::note(const Batch& batch) {
  const BatchHealth health = health_of(batch);
  if (!health.up && !batch.absent && health.error.empty()) return;  // a child process that has not spoken yet
  const std::string_view state = batch.absent           ? "absent"
                                 : !health.up           ? "failed"
                                 : health.error.empty() ? "up"
                                                        : "degraded";
  auto& [known, last_error, last_failed] = collectors_[batch.collector];
  if (!health.error.empty()) last_error = batch.finished;
  if (state == "failed") last_failed = batch.finished;
  if (known == state) return;
  const auto& worse = state == "up" ? last_error : last_failed;
  const bool better = state == "up" || state == "degraded";
  if (better && worse && batch.finished - *worse < kQuietBeforeBetter) return;
  known = state;
  if (state == "up") {
    log_info("collector is up", {{"collector", batch.collector}});
  } else if (state == "absent") {
    log_info("collector has nothing to read here", {{"collector", batch.collector}});
  } else {
    log_warn(health.up ? "a sensor failed, the collector's others go on" : "collector failed",
             {{"collector", batch.collector}, {"error", std::string(health.error)}});
  }
}

void StateLog::note(const ServerState& s) {
  const std::string state = s.up ? "up " + s.version : s.error;
  std::string& known = servers_[s.server.name];
  if (known == state) return;
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

void StateLog::note_placement(const ModelView& view) {
  if (!view.placement) return;
  const bool expected = *view.placement == Placement::gpu || !view.gpu_expected;
  if (view.fallback) {
    log_warn(describe(*view.placement), {{"server", view.server},
                                         {"model", view.model},
                                         {"evidence", view.placement_evidence},
                                         {"reason", std::string(to_string(view.fallback->reason))},
                                         {"cure", view.fallback->cure}});
    return;
  }
  log(expected ? LogLevel::info : LogLevel::warn, describe(*view.placement),
      {{"server", view.server}, {"model", view.model}, {"evidence", view.placement_evidence}});
}

void StateLog::note_request(const RequestRecord& record) {
  if (!is_logged(LogLevel::debug)) return;
  log_debug("request judged", {{"id", std::to_string(record.id)},
                               {"witness", std::string(to_string(record.witness))},
                               {"server", record.server},
                               {"model", record.model},
                               {"outcome", std::string(to_string(record.outcome))},
                               {"placement", std::string(to_string(record.verdict.placement))},
                               {"evidence", record.verdict.explanation}});
}

}  // namespace tegrascope
