#include "collectors/ollama/log/log_incidents.hpp"

#include "collectors/ollama/log/gin_line.hpp"

namespace tegrascope {
namespace {

bool is_death(ReasonClass reason) {
  return reason == ReasonClass::runner_crash || reason == ReasonClass::oom_killed;
}

}  // namespace

void LogIncidents::add(const LogEvent& event, ReasonClass told, bool count) {
  if (std::holds_alternative<LogPlan>(event) || std::holds_alternative<LogLoadStarted>(event)) {
    stage_ = Stage::loading;
  } else if (std::holds_alternative<LogLoad>(event)) {
    stage_ = Stage::loaded;
  } else if (std::holds_alternative<LogServer>(event)) {
    stage_ = Stage::unknown;
  } else if (const auto* request = std::get_if<LogRequest>(&event)) {
    if (stage_ == Stage::over && is_inference(*request)) stage_ = Stage::unknown;
  } else if (const auto* failed = std::get_if<LogLoadFailed>(&event)) {
    const bool vague = failed->reason == ReasonClass::none || failed->reason == ReasonClass::runner_crash;
    if (stage_ == Stage::loaded && is_death(failed->reason)) {
      die(failed->reason, count);
    } else {
      fail(vague && told != ReasonClass::none ? told : failed->reason, count);
    }
  } else if (const auto* abort = std::get_if<LogAbort>(&event)) {
    if (abort->what == LogAbort::What::load) fail(ReasonClass::client_aborted_load, count);
  } else if (const auto* trouble = std::get_if<LogTrouble>(&event)) {
    if (trouble->kind == LogTrouble::Kind::fatal && stage_ == Stage::loaded) die(trouble->reason, count);
  }
}

void LogIncidents::fail(ReasonClass reason, bool count) {
  if (stage_ != Stage::over && count) ++load_failures_[reason];
  stage_ = Stage::over;
}

void LogIncidents::die(ReasonClass reason, bool count) {
  if (count) ++(reason == ReasonClass::oom_killed ? runners_killed_ : runners_crashed_);
  stage_ = Stage::over;
}

}  // namespace tegrascope
