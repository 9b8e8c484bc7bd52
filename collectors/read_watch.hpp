// Which file a thread is reading, so that whoever waits for it can see where it hangs, and the files that it
// must not touch again. SysfsFile, read_once, list_directory and is_present go through here; no collector has
// to.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/reading.hpp"

namespace tegrascope {

// Files that a thread hung in. Any thread. A file is held while the thread is still in it, so that it never
// takes a second one, and at least until `until`.
class Quarantine {
 public:
  // `owner`: the collector. An empty path holds the owner as a whole.
  void add(const std::string& path, std::string_view owner, MonotonicTime until);
  // The thread that hung there has come back.
  void came_back(const std::string& path, std::string_view owner);

  bool holds(const std::filesystem::path& path);
  // Paths held because of this owner; "" when the owner itself is held.
  std::vector<std::string> held_for(std::string_view owner);

 private:
  struct Entry {
    std::string path;
    std::string owner;
    MonotonicTime until{};
    bool occupied = true;
  };
  void forget_expired();

  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

// A thread that hangs, while it does: a sampler's or one of deadline_read.hpp's. Any thread.
class LeftBehindThread {
 public:
  // With so many in this process no thread is left behind any more but one for each collector of a sampler
  // (sampler.hpp) and one at its stop.
  static constexpr std::size_t kMost = 8;
  static std::size_t count() { return count_; }

  explicit LeftBehindThread(std::string path) : path_(std::move(path)) { ++count_; }
  ~LeftBehindThread() { --count_; }
  LeftBehindThread(const LeftBehindThread&) = delete;
  LeftBehindThread& operator=(const LeftBehindThread&) = delete;
  // What was quarantined because of it.
  const std::string& path() const { return path_; }

 private:
  static inline std::atomic<std::size_t> count_{0};
  std::string path_;
};

// The error of a file (or, without one, a collector) that hung.
ReadError hang_error(std::string what);

// One read of a kernel file, as it was. A file that is there and could not be opened is one, too.
struct TracedRead {
  std::string path;
  MonotonicTime begin{};
  MonotonicTime end{};
  int error = 0;         // errno; negative: refused without trying (no regular file, quarantined)
  bool opening = false;  // the error is of open(2)
  std::string text;      // its first characters

  MonotonicTime at() const { return begin + (end - begin) / 2; }  // ReadResult::at, Reading::at
};

// What one thread is doing. "Any thread" where nothing else is said.
class ReadWatch {
 public:
  explicit ReadWatch(std::shared_ptr<Quarantine> quarantine) : quarantine_(std::move(quarantine)) {}

  // The calling thread's own, while a Use of it lives; null on threads that nobody watches.
  static ReadWatch* current();
  class Use {
   public:
    explicit Use(ReadWatch& watch);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  // Counts from `now`: the work begins, or the thread could not have got on.
  void restart(MonotonicTime now);
  // The last time that a file was begun or done with, or restart().
  MonotonicTime last_progress() const;

  // Gives the thread up: each file that it would still read is refused, so that it comes to its end soon once
  // it wakes. Returns the file that it is in ("" for none). With a deadline: only when there was no progress
  // for that long.
  std::string leave_behind();
  std::optional<std::string> leave_behind_if_overdue(MonotonicTime now, Nanoseconds deadline);
  bool left_behind() const;

  // Errors of reads that have no other way to tell (read_once). The watched thread only.
  void note(ReadError error) { failures_.push_back(std::move(error)); }
  std::vector<ReadError> take_failures() { return std::exchange(failures_, {}); }

  // From now on each read is kept. The watched thread only.
  void keep_trace() { trace_.emplace(); }
  std::vector<TracedRead> take_trace() {
    return std::exchange(trace_, std::nullopt).value_or(std::vector<TracedRead>());
  }

 private:
  friend class WatchedRead;
  bool enter(const std::filesystem::path& path);
  void leave();
  std::string leave_behind_locked();

  const std::shared_ptr<Quarantine> quarantine_;
  mutable std::mutex mutex_;
  const std::filesystem::path* reading_ = nullptr;
  MonotonicTime progress_{};
  bool left_behind_ = false;
  std::vector<ReadError> failures_;
  std::optional<std::vector<TracedRead>> trace_;
};

// Lives as long as its thread may hang in `path`. Does nothing on a thread without a watch.
class WatchedRead {
 public:
  explicit WatchedRead(const std::filesystem::path& path);
  ~WatchedRead();
  WatchedRead(const WatchedRead&) = delete;
  WatchedRead& operator=(const WatchedRead&) = delete;
  // The file must not be touched.
  bool refused() const { return refused_; }
  bool traced() const { return watch_ != nullptr && watch_->trace_; }
  void trace(TracedRead read) { watch_->trace_->push_back(std::move(read)); }  // only when traced()

 private:
  ReadWatch* watch_;
  bool refused_;
};

}  // namespace tegrascope
