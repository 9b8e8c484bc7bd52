#include "collectors/ollama/log/log_follower.hpp"

#include <utility>

#include "collectors/ollama/log/gin_line.hpp"
#include "collectors/ollama/log/journal_tail.hpp"
#include "collectors/ollama/log/log_tail.hpp"
#include "collectors/ollama/log/log_text.hpp"

namespace tegrascope {

namespace {

std::unique_ptr<LogSource> make_source(const LogPlace& place) {
  if (!place.journal_unit.empty()) return std::make_unique<JournalTail>(place.path, place.journal_unit);
  return std::make_unique<LogTail>(place.path);
}

}  // namespace

LogFollower::LogFollower(LogPlace place) : place_(std::move(place)), source_(make_source(place_)) {
  state_.server = place_.server;
}

bool LogFollower::poll() {
  if (occupied_.exchange(true, std::memory_order_acquire)) return false;
  const auto error = source_->poll([this](std::string_view line) {
    decoder_.decode(line, [this](LogEvent&& event) { take(std::move(event)); });
  });
  // A file that is not there yet holds nothing old when it appears.
  if (error ? error->reason == ErrorReason::missing : !source_->more()) backlog_ = false;

  state_.followed = !error;
  state_.error = error ? error->where : "";
  const LogSummary summary = summarizer_.summary();
  state_.placement = summary.placement;
  state_.layers_offloaded = summary.layers_offloaded;
  state_.layers_total = summary.layers_total;
  state_.devices = summary.devices;
  state_.reason = summary.reason;
  state_.load_failures = incidents_.load_failures();
  state_.runners_killed = incidents_.runners_killed();
  state_.runners_crashed = incidents_.runners_crashed();
  occupied_.store(false, std::memory_order_release);
  return true;
}

void LogFollower::take(LogEvent&& event) {
  summarizer_.add(event);
  const bool ends_a_load = std::holds_alternative<LogLoadFailed>(event);
  incidents_.add(event, ends_a_load ? summarizer_.summary().reason : ReasonClass::none, !backlog_);
  auto* request = std::get_if<LogRequest>(&event);
  if (request == nullptr || backlog_ || !is_inference(*request)) return;
  request->client.clear();
  requests_.push_back(std::move(*request));
}

}  // namespace tegrascope
