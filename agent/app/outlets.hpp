// What the agent tells beside its metrics: the recording, the flight recorder's files, the web hook. Each only where it
// is asked for. Service thread, but for the constructor.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "agent/app/config.hpp"
#include "agent/app/disk_thread.hpp"
#include "agent/app/incidents.hpp"
#include "agent/app/recording_file.hpp"
#include "agent/app/web_hook.hpp"

namespace tegrascope {

// What Outlets would refuse, but for what other agents hold now. Writes nothing.
void check_outlets(const Config& config);

class Outlets {
 public:
  // Throws std::invalid_argument that names the flag. `outbound` must be stopped before this ends. `state`: the state
  // directory, which is this agent's alone; empty: it has none, and no flight recorder.
  Outlets(const Config& config, Outbound& outbound, const std::string& host,
          const std::filesystem::path& state);

  // Who wants every record.
  std::vector<RecordKeeper*> keepers();

  void tell(const Event& event);
  // After each step of the analysis.
  void advance(MonotonicTime now);
  std::optional<WebHookView> web_hook() const;
  std::optional<IncidentsView> incidents() const;

  // After the last record: what waits for the disk is written, until `deadline`.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  std::optional<DiskThread> disk_;
  std::optional<RecordingFile> recording_;
  std::optional<FlightRecorder> flight_;
  std::optional<Incidents> incidents_;
  std::unique_ptr<WebHook> web_hook_;
};

}  // namespace tegrascope
