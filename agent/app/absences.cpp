#include "agent/app/absences.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "agent/app/permissions.hpp"
#include "agent/model/powered_off.hpp"
#include "collectors/source_files.hpp"

namespace tegrascope {
namespace {

constexpr std::string_view kSeparator = ": ";

bool is_refused(int error) { return error == EACCES || error == EPERM; }

// A permission says how to grant it, so the text need not.
Absence explained(std::string_view collector, Absence absence) {
  if (absence.reason != to_string(ErrorReason::permission)) return absence;
  absence.detail = std::generic_category().message(EACCES);
  absence.grant = grant_for(collector, absence.path);
  return absence;
}

class Finder {
 public:
  Finder(const Batch& batch, const ReadingSources& sources) : batch_(batch), sources_(sources) {}

  void add_error(const ReadError& error) {
    const std::string path = path_of(error);
    const std::string detail = error.where.size() > path.size() + kSeparator.size() && !path.empty()
                                   ? error.where.substr(path.size() + kSeparator.size())
                                   : error.where;
    add_lost(path, std::string(to_string(error.reason)), detail);
  }

  // One entry for each signal that is lost with the file, or one without a signal.
  void add_lost(const std::string& path, const std::string& reason, const std::string& detail) {
    std::string instance = sources_.instance_of(path);
    // Where nothing may be read, the one file that was tried stands for all.
    if (batch_.readings.empty() && reason == to_string(ErrorReason::permission)) instance.clear();
    bool any = false;
    for (const Signal signal : signals_made_of(batch_.collector, path)) {
      if (is_read(signal, instance)) continue;
      any = true;
      add({signal, instance, path, reason, detail, {}});
    }
    if (any) return;
    // Other files make the signals as well (each over-current event): this one's share is missing.
    const auto made = signals_made_of(batch_.collector, path);
    add({made.empty() ? std::nullopt : std::optional(made.front()), instance, path, reason, detail, {}});
  }

  void add(Absence absence) {
    const bool known = std::any_of(absent_.begin(), absent_.end(), [&](const Absence& other) {
      return other.signal == absence.signal && other.path == absence.path &&
             other.instance == absence.instance;
    });
    if (!known) absent_.push_back(explained(batch_.collector, std::move(absence)));
  }

  bool is_listed(Signal signal) const {
    return std::any_of(absent_.begin(), absent_.end(),
                       [&](const Absence& other) { return other.signal == signal; });
  }
  bool is_read(Signal signal, std::string_view instance) const {
    return std::any_of(batch_.readings.begin(), batch_.readings.end(), [&](const Reading& reading) {
      return reading.signal == signal &&
             (instance.empty() || reading.instance.empty() || reading.instance == instance);
    });
  }
  std::vector<Absence> take() { return std::move(absent_); }

 private:
  const Batch& batch_;
  const ReadingSources& sources_;
  std::vector<Absence> absent_;
};

// Engines that are off have no clock.
void add_engines_off(const Batch& batch, Finder& finder) {
  for (const Reading& reading : batch.readings)
    if (reading.signal == Signal::engine_on && reading.value == 0)
      finder.add({Signal::engine_frequency_hertz,
                  reading.instance,
                  "",
                  std::string(to_string(ErrorReason::unavailable)),
                  "the engine is off",
                  {}});
}

// The kernel of boards with NvMap tells the GPU's part; elsewhere it is among the other kinds.
void add_gpu_memory(const Batch& batch, Finder& finder) {
  std::string told;
  for (const Reading& reading : batch.readings) {
    if (reading.signal != Signal::memory_bytes) continue;
    if (reading.kind == "gpu") return;
    told = reading.kind;
  }
  if (told.empty()) return;
  Absence absence{Signal::memory_bytes,
                  "",
                  "",
                  "none",
                  "no NvMapMemUsed in meminfo: only boards up to Orin count the GPU's share of the memory",
                  {}};
  absence.kind = "gpu";
  finder.add(std::move(absence));
}

}  // namespace

std::string path_of(const ReadError& error) {
  const auto end = error.where.find(kSeparator);
  return error.where.starts_with('/') && end != std::string::npos ? error.where.substr(0, end)
                                                                  : std::string();
}

std::vector<Absence> find_absences(const Batch& batch, const std::vector<ReadError>& errors,
                                   const std::vector<TracedRead>& all, const ReadingSources& sources) {
  Finder finder(batch, sources);
  if (batch.absent && errors.empty()) {
    for (const Signal signal : signals_of(batch.collector))
      finder.add({signal, "", "", "hardware", "the board has none that the agent knows", {}});
    return finder.take();
  }
  for (const ReadError& error : errors) finder.add_error(error);
  add_engines_off(batch, finder);
  add_gpu_memory(batch, finder);
  for (const Reading& reading : batch.readings) {
    if (is_of_gated_gpu(reading, batch.readings))
      finder.add({reading.signal,
                  reading.instance,
                  "",
                  std::string(to_string(ErrorReason::unavailable)),
                  "the GPU is powered off",
                  {}});
  }

  for (const Signal signal : signals_of(batch.collector)) {
    if (finder.is_read(signal, "") || finder.is_listed(signal)) continue;
    const auto tried = std::find_if(all.begin(), all.end(), [&](const TracedRead& read) {
      const auto made = signals_made_of(batch.collector, read.path);
      return (is_refused(read.error) || read.error == 0) &&
             std::find(made.begin(), made.end(), signal) != made.end();
    });
    if (tried == all.end())
      finder.add({signal, "", "", "none", "no file of this board tells it", {}});
    else if (tried->error == 0)
      finder.add({signal, "", tried->path, "none", "the file tells of none", {}});
    else
      finder.add({signal, "", tried->path, std::string(to_string(ErrorReason::permission)), {}, {}});
  }
  return finder.take();
}

}  // namespace tegrascope
