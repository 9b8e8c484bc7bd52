#include "collectors/read_watch.hpp"

#include <algorithm>
#include <utility>

namespace tegrascope {
namespace {

thread_local ReadWatch* watch_of_this_thread = nullptr;

}  // namespace

void Quarantine::add(const std::string& path, std::string_view owner, MonotonicTime until) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({path, std::string(owner), until});
  any_ = true;
}

void Quarantine::came_back(const std::string& path, std::string_view owner) {
  const std::lock_guard lock(mutex_);
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.occupied && e.path == path && e.owner == owner;
  });
  if (entry != entries_.end()) entry->occupied = false;
}

void Quarantine::forget_expired() {
  const MonotonicTime now = monotonic_now();
  std::erase_if(entries_, [now](const Entry& e) { return !e.occupied && e.until <= now; });
  any_ = !entries_.empty();
}

bool Quarantine::holds(const std::filesystem::path& path) {
  if (!any_) return false;
  const std::lock_guard lock(mutex_);
  forget_expired();
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& e) { return !e.path.empty() && path.native() == e.path; });
}

std::vector<std::string> Quarantine::held_for(std::string_view owner) {
  std::vector<std::string> paths;
  if (!any_) return paths;
  const std::lock_guard lock(mutex_);
  forget_expired();
  for (const Entry& e : entries_)
    if (e.owner == owner) paths.push_back(e.path);
  return paths;
}

ReadError hang_error(std::string what) {
  what += ": reading it hangs; it is skipped and tried again later; see the kernel's log for its driver";
  return {ErrorReason::timeout, std::move(what)};
}

ReadWatch* ReadWatch::current() { return watch_of_this_thread; }

ReadWatch::Use::Use(ReadWatch& watch) { watch_of_this_thread = &watch; }
ReadWatch::Use::~Use() { watch_of_this_thread = nullptr; }

void ReadWatch::restart(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  progress_ = now;
}

MonotonicTime ReadWatch::last_progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

std::string ReadWatch::leave_behind() {
  const std::lock_guard lock(mutex_);
  return leave_behind_locked();
}

std::optional<std::string> ReadWatch::leave_behind_if_overdue(MonotonicTime now, Nanoseconds deadline) {
  const std::lock_guard lock(mutex_);
  if (now - progress_ < deadline) return std::nullopt;
  return leave_behind_locked();
}

std::string ReadWatch::leave_behind_locked() {
  left_behind_ = true;
  return reading_ == nullptr ? std::string() : reading_->string();
}

bool ReadWatch::left_behind() const {
  const std::lock_guard lock(mutex_);
  return left_behind_;
}

bool ReadWatch::enter(const std::filesystem::path& path) {
  if (quarantine_->holds(path)) return false;
  const MonotonicTime now = monotonic_now();
  const std::lock_guard lock(mutex_);
  if (left_behind_) return false;
  reading_ = &path;
  progress_ = now;
  return true;
}

void ReadWatch::leave() {
  const MonotonicTime now = monotonic_now();
  const std::lock_guard lock(mutex_);
  reading_ = nullptr;
  progress_ = now;
}

WatchedRead::WatchedRead(const std::filesystem::path& path)
    : watch_(ReadWatch::current()), refused_(watch_ != nullptr && !watch_->enter(path)) {}

WatchedRead::~WatchedRead() {
  if (watch_ != nullptr && !refused_) watch_->leave();
}

}  // namespace tegrascope
