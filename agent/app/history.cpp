#include "agent/app/history.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/app/log.hpp"
#include "exporters/history/state_file.hpp"

namespace tegrascope {
// Outlives the History when the thread hangs.
struct History::Shared {
  std::filesystem::path directory;
  BoardIdentity board;
  WallClock wall_clock;

  mutable std::mutex mutex;
  std::condition_variable changed;
  SnapshotPtr wanted;  // to be committed
  bool stopping = false;
  bool opened = false;  // or failed to
  bool ended = false;
  bool abandoned = false;  // nobody wants what is still coming
  StorageView view;
  std::optional<SavedState> loaded;
  std::shared_ptr<const Books> carried;

  void failed(const std::string& why, bool gives_up = false) {
    bool news = false;
    {
      const std::lock_guard lock(mutex);
      if (abandoned) return;  // what was told when it was given up stays
      if (gives_up) abandoned = stopping = true;
      news = view.error != why;
      view.up = false;
      view.error = why;
    }
    if (news) log_warn("the lifetime ledger is not kept", {{"error", why}});
  }
  std::unique_ptr<StateFile> open();
  void save(StateFile& file, const Snapshot& snapshot);
};

std::unique_ptr<StateFile> History::Shared::open() {
  std::unique_ptr<StateFile> file;
  try {
    file = std::make_unique<StateFile>(directory, wall_clock());
  } catch (const StorageError& e) {
    failed(e.what());
  }
  if (file && !file->message().empty())
    log_warn("the lifetime ledger begins anew", {{"reason", file->message()}});
  const std::lock_guard lock(mutex);
  if (abandoned) return nullptr;  // start() has told why nothing is kept
  if (file) {
    loaded = file->loaded();
    view.up = true;
    view.first_start_unix_s = loaded ? loaded->first_start_unix_s : wall_clock();
    view.saved_unix_s = loaded ? loaded->saved_unix_s : 0;
    carried = std::make_shared<const Books>(loaded ? carried_over(loaded->books) : Books{});
  }
  opened = true;
  changed.notify_all();
  return file;
}

void History::Shared::save(StateFile& file, const Snapshot& snapshot) {
  SavedState state;
  state.saved_unix_s = wall_clock();
  state.board = board;
  if (snapshot.learned) state.learned = *snapshot.learned;
  state.books = lifetime_of(snapshot);
  {
    const std::lock_guard lock(mutex);
    state.first_start_unix_s = view.first_start_unix_s;
  }
  try {
    file.save(state);
  } catch (const StorageError& e) {
    failed(e.what());
    return;
  }
  const std::lock_guard lock(mutex);
  if (!view.error.empty()) log_info("the lifetime ledger is kept again");
  view.up = true;
  view.error.clear();
  view.saved_unix_s = state.saved_unix_s;
  ++view.commits;
}

void History::run(const std::shared_ptr<Shared>& shared) {
  const std::unique_ptr<StateFile> file = shared->open();
  std::unique_lock lock(shared->mutex);
  while (!shared->abandoned) {
    shared->changed.wait(lock, [&] { return shared->wanted || shared->stopping; });
    const SnapshotPtr snapshot = std::exchange(shared->wanted, nullptr);
    if (!snapshot) break;
    lock.unlock();
    if (file) shared->save(*file, *snapshot);
    lock.lock();
  }
}

History::History(std::filesystem::path directory, BoardIdentity board, WallClock wall_clock,
                 std::chrono::milliseconds patience)
    : wall_clock_(wall_clock), patience_(patience), shared_(std::make_shared<Shared>()) {
  shared_->directory = std::move(directory);
  shared_->board = std::move(board);
  shared_->wall_clock = std::move(wall_clock);
}

History::~History() { stop(nullptr); }

History::Restored History::start(MonotonicTime now) {
  policy_ = CommitPolicy(now);
  started_ = true;
  std::thread([shared = shared_] {
    run(shared);
    const std::lock_guard lock(shared->mutex);
    shared->ended = true;
    shared->changed.notify_all();
  }).detach();

  std::unique_lock lock(shared_->mutex);
  if (!shared_->changed.wait_for(lock, patience_, [&] { return shared_->opened; })) {
    lock.unlock();
    shared_->failed(shared_->directory.string() + " does not answer: is its disk well?", true);
    return {};
  }
  Restored out;
  out.carried = shared_->carried;
  if (shared_->loaded) out.learned = still_valid(*shared_->loaded, shared_->board, wall_clock_());
  return out;
}

void History::offer(const SnapshotPtr& snapshot) {
  if (!snapshot->carried || !policy_.is_due(*snapshot)) return;
  policy_.committed(*snapshot);
  const std::lock_guard lock(shared_->mutex);
  shared_->wanted = snapshot;
  shared_->changed.notify_all();
}

void History::finish(const SnapshotPtr& last) {
  if (!started_) return;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping) return;
  if (last && last->carried && (policy_.is_new(*last) || !shared_->view.up)) shared_->wanted = last;
  shared_->stopping = true;
  shared_->changed.notify_all();
}

void History::stop(const SnapshotPtr& last, std::chrono::steady_clock::time_point deadline) {
  finish(last);
  if (!std::exchange(started_, false)) return;
  std::unique_lock lock(shared_->mutex);
  if (shared_->abandoned) return;  // nothing is to be saved
  if (shared_->changed.wait_until(lock, deadline, [&] { return shared_->ended; })) return;
  shared_->abandoned = true;
  lock.unlock();
  log_warn("the disk did not take the lifetime ledger in time: the last commit may be missing",
           {{"path", shared_->directory.string()}});
}

StorageView History::view() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->view;
}

}  // namespace tegrascope
