#include "collectors/linux/processes.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "collectors/linux/process_stat.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kFirstWait = 1s;
constexpr Nanoseconds kLongestWait = 64s;
constexpr int kMostAncestors = 16;
constexpr Nanoseconds kStartResolution = 20ms;

}  // namespace

ProcessesCollector::ProcessesCollector(const HostPaths& paths)
    : procfs_(paths.procfs), births_(paths.procfs) {}

std::filesystem::path ProcessesCollector::folder(std::int64_t pid) const {
  return procfs_ / std::to_string(pid);
}

void ProcessesCollector::collect(Batch& out) {
  const MonotonicTime now = slot_time(out);
  if (scan_period_.due(now)) listed_ = scan(out, now);
  for (auto it = tracked_.begin(); it != tracked_.end();)
    it = read(it->second, out, now) ? std::next(it) : tracked_.erase(it);
  for (ProcessReading& process : out.processes)
    if (!is_serve(process.serve_pid)) process.serve_pid = 0;
  out.lists_processes = listed_;
}

bool ProcessesCollector::is_serve(std::int64_t pid) const {
  const auto found = tracked_.find(pid);
  return found != tracked_.end() && found->second.reading.role == ProcessRole::serve;
}

std::int64_t ProcessesCollector::serve_above(std::int64_t pid) const {
  for (int i = 0; i < kMostAncestors && pid > 1; ++i) {
    if (is_serve(pid)) return pid;
    const std::string text = read_once(folder(pid) / "stat");
    const auto stat = parse_process_stat(text);
    if (!stat) break;
    pid = stat->parent_pid;
  }
  // In a container of its own `ollama serve` is process 1.
  return is_serve(pid) ? pid : 0;
}

bool ProcessesCollector::read(Tracked& process, Batch& out, MonotonicTime now) {
  const auto text = process.stat.read_text(buffer_);
  if (text.failed_with(ErrorReason::missing) && !is_present(process.stat.path())) return false;
  text.report(out.errors);
  ProcessReading reading = process.reading;
  reading.at = monotonic_now();
  if (text) {
    reading.at = text.at();
    if (const auto stat = parse_process_stat(*text)) {
      if (stat->start_ticks != reading.id.start_ticks || stat->state == 'Z' || stat->state == 'X')
        return false;
      static const auto kPageBytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      reading.cpu_time = from_ticks(stat->cpu_ticks);
      reading.resident_bytes = stat->resident_pages * kPageBytes;
      reading.parent_pid = process.reading.parent_pid = stat->parent_pid;
    } else {
      out.errors.push_back({ErrorReason::parse,
                            process.stat.path().string() + ": expected a stat line, got " + quoted(*text)});
    }
  }
  if (reading.role == ProcessRole::runner) {
    process.gpu_library.look(now, maps_buffer_);
    reading.gpu_library = process.gpu_library.found();
  }
  out.processes.push_back(std::move(reading));
  return true;
}

bool ProcessesCollector::scan(Batch& out, MonotonicTime now) {
  const bool births = births_.may_have_births();
  const auto folders = births || !listed_ || !settled_ ? list_new(out, now) : list_dismissed(now);
  if (!folders) return false;
  const std::vector<Candidate> candidates = look_at(*folders, out, now);

  const auto serve_named = [&](std::int64_t pid) {
    return is_serve(pid) || std::any_of(candidates.begin(), candidates.end(), [pid](const Candidate& c) {
             return c.pid == pid && c.argv.role == ArgvRole::serve;
           });
  };
  // A child of `ollama serve` has its parent's command line until it execs: looked at again in the next scan.
  for (const Candidate& c : candidates) {
    if (c.argv.role != ArgvRole::serve) continue;
    if (serve_named(c.parent_pid))
      settled_ = false;
    else
      track(c, ProcessRole::serve, c.pid, now);
  }
  for (const Candidate& c : candidates) {
    if (c.argv.role == ArgvRole::serve) continue;
    const std::int64_t serve = serve_above(c.parent_pid);
    if (c.argv.role == ArgvRole::runner_of_serve && serve == 0)
      dismiss(c.pid, c.inode, now, false);
    else
      track(c, ProcessRole::runner, serve, now);
  }
  for (auto& [pid, process] : tracked_)
    if (!is_serve(process.reading.serve_pid))
      process.reading.serve_pid = serve_above(process.reading.parent_pid);
  return true;
}

std::optional<std::vector<ProcessesCollector::Folder>> ProcessesCollector::list_new(Batch& out,
                                                                                    MonotonicTime now) {
  DIR* directory = ::opendir(procfs_.c_str());
  if (directory == nullptr) {
    const int error = errno;
    out.errors.push_back({error == EACCES ? ErrorReason::permission : ErrorReason::missing,
                          procfs_.string() + ": " + std::generic_category().message(error) +
                              "; mount the host's /proc there or set --path.procfs"});
    return std::nullopt;
  }
  std::vector<Folder> folders;
  ++scans_;
  while (const dirent* entry = ::readdir(directory)) {
    const auto pid = to_integer<std::int64_t>(entry->d_name);
    if (!pid || *pid <= 0 || tracked_.contains(*pid)) continue;
    if (const auto known = dismissed_.find(*pid);
        known != dismissed_.end() && known->second.inode == entry->d_ino) {
      known->second.seen_in_scan = scans_;
      if (now < known->second.look_again) continue;
    }
    folders.push_back({*pid, entry->d_ino});
  }
  ::closedir(directory);
  std::erase_if(dismissed_, [this](const auto& item) { return item.second.seen_in_scan != scans_; });
  return folders;
}

// What a search would find where none has been born.
std::vector<ProcessesCollector::Folder> ProcessesCollector::list_dismissed(MonotonicTime now) const {
  std::vector<Folder> folders;
  for (const auto& [pid, entry] : dismissed_)
    if (now >= entry.look_again) folders.push_back({pid, entry.inode});
  return folders;
}

std::vector<ProcessesCollector::Candidate> ProcessesCollector::look_at(const std::vector<Folder>& folders,
                                                                       Batch& out, MonotonicTime now) {
  std::vector<Candidate> candidates;
  settled_ = true;
  bool denied = false;
  for (const auto& [pid, inode] : folders) {
    SysfsFile cmdline(folder(pid) / "cmdline");
    const auto text = cmdline.read_text(buffer_);
    if (!text) {  // most likely it has just ended
      dismissed_.erase(pid);
      settled_ = false;
      if (text.failed_with(ErrorReason::permission) ? !std::exchange(denied, true)
                                                    : is_present(cmdline.path()))
        text.report(out.errors);
      continue;
    }
    Candidate candidate;
    candidate.pid = pid;
    candidate.inode = inode;
    candidate.argv = classify_ollama_argv(*text);
    if (candidate.argv.role == ArgvRole::other) {
      dismiss(pid, inode, now, text->empty());  // empty: a kernel thread
      continue;
    }
    const std::string stat_text = read_once(folder(pid) / "stat");
    const auto stat = parse_process_stat(stat_text);
    if (!stat) {
      settled_ = false;
      if (!stat_text.empty())
        out.errors.push_back({ErrorReason::parse, (folder(pid) / "stat").string() +
                                                      ": expected a stat line, got " +
                                                      quoted(std::string_view(stat_text))});
      continue;
    }
    candidate.parent_pid = stat->parent_pid;
    candidate.start_ticks = stat->start_ticks;
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

void ProcessesCollector::dismiss(std::int64_t pid, std::uint64_t inode, MonotonicTime now, bool for_long) {
  Dismissed& entry = dismissed_[pid];
  if (entry.inode != inode) entry = {};
  entry.inode = inode;
  entry.wait = for_long ? kLongestWait : std::clamp<Nanoseconds>(entry.wait * 2, kFirstWait, kLongestWait);
  entry.look_again = now + entry.wait;
  entry.seen_in_scan = scans_;
}

std::optional<MonotonicTime> ProcessesCollector::began(std::uint64_t start_ticks) const {
  const MonotonicTime now = monotonic_now();
  double up = 0;
  const std::string text = read_once(procfs_ / "uptime");
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), up);
  if (parsed.ec != std::errc()) return std::nullopt;
  const Nanoseconds age = from_seconds(up) - from_ticks(start_ticks);
  // A container's uptime is not what start times count from.
  if (age < -kStartResolution) return std::nullopt;
  return now - std::max(age, Nanoseconds::zero());
}

void ProcessesCollector::track(const Candidate& candidate, ProcessRole role, std::int64_t serve_pid,
                               MonotonicTime now) {
  dismissed_.erase(candidate.pid);
  ProcessReading reading;
  reading.id = {candidate.pid, candidate.start_ticks};
  reading.role = role;
  reading.parent_pid = candidate.parent_pid;
  reading.serve_pid = serve_pid;
  reading.model_blob = candidate.argv.model_blob;
  reading.port = candidate.argv.port;
  reading.gpu_layers_requested = candidate.argv.gpu_layers;
  reading.threads = candidate.argv.threads;
  reading.slots = candidate.argv.slots;
  reading.began = began(candidate.start_ticks);
  tracked_.insert_or_assign(candidate.pid,
                            Tracked{SysfsFile(folder(candidate.pid) / "stat"), std::move(reading),
                                    GpuLibraryWatch(folder(candidate.pid), now)});
}

}  // namespace tegrascope
