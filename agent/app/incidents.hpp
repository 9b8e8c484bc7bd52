// The flight recorder's files: which events are worth one, where they lie, which are removed.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/disk_thread.hpp"
#include "agent/model/event.hpp"
#include "agent/model/snapshot.hpp"
#include "agent/recording/flight_recorder.hpp"

namespace tegrascope {

// Of the state directory.
inline constexpr const char* kIncidentsFolder = "incidents";

struct IncidentOptions {
  std::filesystem::path directory;  // created when the first is written
  std::size_t max_files = 20;
  // An alarm that flaps must not wear out a microSD.
  Nanoseconds same_kind_apart = std::chrono::minutes(10);
  // What happens sooner after a file waits that long: it is in the next one, whose two minutes begin where those ended.
  Nanoseconds any_apart = std::chrono::minutes(2);
};

// When to write. Pure.
class IncidentPolicy {
 public:
  explicit IncidentPolicy(const IncidentOptions& options) : options_(options) {}

  void note(const Event& event);
  // The event to write a file for now; absent: none.
  std::optional<Event> take_due(MonotonicTime now);

 private:
  const IncidentOptions options_;
  std::optional<MonotonicTime> last_;
  std::map<EventKind, MonotonicTime> last_of_kind_;
  std::optional<Event> waiting_;  // the first since the last file
};

// Service thread; files are written on the disk thread.
class Incidents {
 public:
  // `flight` and `disk` must outlive this.
  Incidents(const IncidentOptions& options, const FlightRecorder& flight, DiskThread& disk);

  void note(const Event& event) { policy_.note(event); }
  void advance(MonotonicTime now);
  IncidentsView view() const;

 private:
  struct Counts {
    std::atomic<std::uint64_t> written{0};
    std::atomic<std::uint64_t> failed{0};
  };

  const IncidentOptions options_;
  const FlightRecorder& flight_;
  DiskThread& disk_;
  IncidentPolicy policy_;
  std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

// A file of the flight recorder.
struct IncidentFile {
  std::filesystem::path path;
  std::uint64_t number = 0;  // counts up; the order in which they were written
  std::string time;          // 20261123T083234Z
  std::string kind;          // word of the event
  std::uint64_t bytes = 0;
};

// Oldest first; empty where there is no such folder. Throws std::runtime_error that names the folder and what to do
// where it may not be read.
std::vector<IncidentFile> list_incidents(const std::filesystem::path& directory);

// Writes `text` as the newest and removes the oldest beyond `max_files`. Throws std::system_error.
std::filesystem::path write_incident(const std::filesystem::path& directory, std::size_t max_files,
                                     const Event& event, const std::string& text);

}  // namespace tegrascope
