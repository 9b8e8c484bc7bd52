// The history thread: alone with the state file, because a microSD may take seconds for a write and for ever when it
// dies. Nobody waits for it but the start, a few seconds, and the stop, as long; a thread that hangs in the disk is left
// behind then.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "agent/app/commit_policy.hpp"
#include "agent/model/saved_state.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

class History {
 public:
  // Seconds since 1970, now.
  using WallClock = std::function<std::int64_t()>;

  // How long start and stop wait for the disk.
  static constexpr std::chrono::seconds kPatience{5};

  History(std::filesystem::path directory, BoardIdentity board, WallClock wall_clock,
          std::chrono::milliseconds patience = kPatience);
  ~History();  // stop() without a last snapshot
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  struct Restored {
    std::shared_ptr<const Books>
        carried;           // of earlier runs; empty books on the first start; null: nothing is kept
    LearnedState learned;  // as far as it still holds
  };
  // Starts the thread and opens the file. What cannot be kept is logged and told by view(); the agent goes on without.
  Restored start(MonotonicTime now);

  // Of each snapshot published; commits it when that is due. Service thread; returns at once.
  void offer(const SnapshotPtr& snapshot);

  // Has what is new in the last snapshot (may be null) committed and the thread end then; returns at once. Idempotent.
  void finish(const SnapshotPtr& last);
  // finish(), and waits for it until `deadline`. Idempotent.
  void stop(const SnapshotPtr& last, std::chrono::steady_clock::time_point deadline);
  void stop(const SnapshotPtr& last) { stop(last, std::chrono::steady_clock::now() + patience_); }

  // Any thread.
  StorageView view() const;

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  const WallClock wall_clock_;
  const std::chrono::milliseconds patience_;
  std::shared_ptr<Shared> shared_;
  CommitPolicy policy_{MonotonicTime{}};
  bool started_ = false;
};

}  // namespace tegrascope
