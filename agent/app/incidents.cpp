#include "agent/app/incidents.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "agent/app/log.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

std::string compact_utc(WallTime time) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc));
  return text;
}

void write_file(const fs::path& path, const std::string& text) {
  const auto fail = [&path] { throw std::system_error(errno, std::generic_category(), path.string()); };
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) fail();
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool complete = rest.empty() && ::fdatasync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (complete) return;
  ::unlink(path.c_str());
  errno = error;
  fail();
}

// incident-NUMBER-YYYYMMDDTHHMMSSZ-KIND.jsonl; absent: another name.
std::optional<IncidentFile> incident_named(const fs::path& path) {
  const std::string name = path.filename().string();
  const auto dashes = std::count(name.begin(), name.end(), '-');
  if (dashes != 3 || !name.starts_with("incident-") || !name.ends_with(".jsonl")) return std::nullopt;
  const std::size_t number = name.find('-') + 1;
  const std::size_t time = name.find('-', number) + 1;
  const std::size_t kind = name.find('-', time) + 1;
  IncidentFile file;
  file.path = path;
  const char* end = name.data() + time - 1;
  const auto [stopped, error] = std::from_chars(name.data() + number, end, file.number);
  if (error != std::errc{} || stopped != end || end - (name.data() + number) > 12) return std::nullopt;
  file.time = name.substr(time, kind - 1 - time);
  file.kind = name.substr(kind, name.size() - kind - std::string_view(".jsonl").size());
  if (file.time.size() != std::string_view("20260101T000000Z").size() || file.kind.empty())
    return std::nullopt;
  return file;
}

}  // namespace

void IncidentPolicy::note(const Event& event) {
  if (!is_alarm(event.kind) || waiting_) return;
  const auto same = last_of_kind_.find(event.kind);
  if (same != last_of_kind_.end() && event.at - same->second < options_.same_kind_apart) return;
  waiting_ = event;
}

std::optional<Event> IncidentPolicy::take_due(MonotonicTime now) {
  if (!waiting_ || (last_ && now - *last_ < options_.any_apart)) return std::nullopt;
  last_ = now;
  last_of_kind_[waiting_->kind] = now;
  return std::exchange(waiting_, std::nullopt);
}

Incidents::Incidents(const IncidentOptions& options, const FlightRecorder& flight, DiskThread& disk)
    : options_(options), flight_(flight), disk_(disk), policy_(options) {}

void Incidents::advance(MonotonicTime now) {
  const std::optional<Event> event = policy_.take_due(now);
  if (!event) return;
  std::string text = flight_.text();
  const std::size_t bytes = text.size();
  const bool accepted =
      disk_.post(bytes, [counts = counts_, directory = options_.directory, max_files = options_.max_files,
                         event = *event, text = std::move(text)] {
        try {
          const fs::path file = write_incident(directory, max_files, event, text);
          ++counts->written;
          log_info("the flight recorder wrote what led to it: tegrascope incident show FILE",
                   {{"event", std::string(to_string(event.kind))}, {"file", file.string()}});
        } catch (const std::exception& e) {
          ++counts->failed;
          log_warn("the flight recorder cannot write, see --storage.path", {{"error", e.what()}});
        }
      });
  if (!accepted) ++counts_->failed;
}

IncidentsView Incidents::view() const { return {counts_->written, counts_->failed}; }

std::vector<IncidentFile> list_incidents(const fs::path& directory) {
  std::vector<IncidentFile> files;
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    auto file = incident_named(it->path());
    if (!file) continue;
    std::error_code unknown;
    file->bytes = it->file_size(unknown);
    files.push_back(*std::move(file));
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) {
    throw std::runtime_error(directory.string() + " cannot be read: " + error.message() +
                             (error == std::errc::permission_denied ? "; run it with sudo" : ""));
  }
  std::sort(files.begin(), files.end(),
            [](const IncidentFile& a, const IncidentFile& b) { return a.number < b.number; });
  return files;
}

fs::path write_incident(const fs::path& directory, std::size_t max_files, const Event& event,
                        const std::string& text) {
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  const std::vector<IncidentFile> present = list_incidents(directory);
  // Room first, so that there never are more.
  for (std::size_t i = 0; i + max_files <= present.size(); ++i) fs::remove(present[i].path);
  const std::uint64_t number = present.empty() ? 1 : present.back().number + 1;
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
  const std::string name = "incident-" + digits + "-" + compact_utc(event.wall.value_or(WallTime{})) + "-" +
                           std::string(to_string(event.kind)) + ".jsonl";
  const fs::path half_written = directory / ("." + name);
  write_file(half_written, text);
  fs::rename(half_written, directory / name);
  return directory / name;
}

}  // namespace tegrascope
