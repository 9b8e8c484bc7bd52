#include "agent/app/outlets.hpp"

namespace tegrascope {

void check_outlets(const Config& config) {
  if (!config.record.empty()) RecordingFile::check(config.record);
  if (!config.events_web_hook_secret_file.empty()) read_secret(config.events_web_hook_secret_file);
}

Outlets::Outlets(const Config& config, Outbound& outbound, const std::string& host,
                 const std::filesystem::path& state) {
  if (!config.record.empty() || !state.empty()) disk_.emplace();
  if (!config.record.empty()) recording_.emplace(config.record, config.record_max_bytes, *disk_);
  if (!state.empty()) {
    flight_.emplace();
    IncidentOptions options;
    options.directory = state / kIncidentsFolder;
    incidents_.emplace(options, *flight_, *disk_);
  }
  if (config.events_web_hook_url.empty()) return;
  WebHookOptions options;
  options.url = config.events_web_hook_url;
  options.host = host;
  if (!config.events_web_hook_secret_file.empty())
    options.secret = read_secret(config.events_web_hook_secret_file);
  web_hook_ = std::make_unique<WebHook>(outbound, options);
}

std::vector<RecordKeeper*> Outlets::keepers() {
  std::vector<RecordKeeper*> keepers;
  if (recording_) keepers.push_back(&*recording_);
  if (flight_) keepers.push_back(&*flight_);
  return keepers;
}

void Outlets::tell(const Event& event) {
  if (incidents_) incidents_->note(event);
  if (web_hook_) web_hook_->send(event);
}

void Outlets::advance(MonotonicTime now) {
  if (incidents_) incidents_->advance(now);
}

std::optional<WebHookView> Outlets::web_hook() const {
  return web_hook_ ? std::optional(web_hook_->view()) : std::nullopt;
}

std::optional<IncidentsView> Outlets::incidents() const {
  return incidents_ ? std::optional(incidents_->view()) : std::nullopt;
}

void Outlets::stop(std::chrono::steady_clock::time_point deadline) {
  if (recording_) recording_->flush();
  if (disk_) disk_->stop(deadline);
}

}  // namespace tegrascope
