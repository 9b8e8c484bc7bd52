#include "collectors/ollama/log/log_follower.hpp"

#include <utility>

#include "collectors/ollama/log/gin_line.hpp"
#include "collectors/ollama/log/log_text.hpp"

namespace tegrascope {

LogFollower::LogFollower(std::string server, std::filesystem::path path)
    : server_(std::move(server)), path_(std::move(path)), tail_(path_) {
  state_.server = server_;
}

bool LogFollower::poll() {
  if (occupied_.exchange(true, std::memory_order_acquire)) return false;
  const auto error = tail_.poll([this](std::string_view line) {
    decoder_.decode(line, [this](LogEvent&& event) { take(std::move(event)); });
  });
  // A file that is not there yet holds nothing old when it appears.
  if (error ? error->reason == ErrorReason::missing : !tail_.more()) backlog_ = false;

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
