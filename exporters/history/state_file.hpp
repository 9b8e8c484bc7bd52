// The lifetime ledger and what was learned, in DIRECTORY/state.sqlite. One thread, and nobody waits for it: every
// member may block on the disk.
//
// SQLite in WAL mode: a save is one transaction, so whoever pulls the plug or kills the agent finds either the save
// before or the one after, never a part. Only rows that changed are written: 10 to 12 KB for a save (docs/storage.md).
// With synchronous=NORMAL a save costs no fsync of its own; after a loss of power the last half minute or so may
// be missing, after a kill nothing is.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/model/saved_state.hpp"
#include "exporters/history/database.hpp"

namespace tegrascope {

class StateFile {
 public:
  static constexpr const char* kName = "state.sqlite";
  static constexpr std::int64_t kFormat = 1;  // user_version of the file

  // Opens the file, creates it and the directory where they are missing. A file that is damaged, of a later
  // version, of another program or full is moved aside to state.sqlite.REASON-TIME (message() says so) and a new
  // one begun. Throws StorageError, which names the path, what is wrong and what to do, when nothing can be kept
  // there; when another agent keeps its state there, too.
  StateFile(const std::filesystem::path& directory, std::int64_t now_unix_s);
  ~StateFile();

  // As it was when opened; absent: nothing was kept yet.
  const std::optional<SavedState>& loaded() const { return loaded_; }
  // What happened to the file at opening; empty: nothing.
  const std::string& message() const { return message_; }

  // Throws StorageError; then the file holds the save before.
  void save(const SavedState& state);

 private:
  void lock();
  void open();
  void move_aside(const char* reason, const std::string& why, std::int64_t now_unix_s);

  std::filesystem::path directory_;
  std::filesystem::path path_;
  int lock_ = -1;
  std::unique_ptr<Database> database_;
  std::optional<SavedState> loaded_;
  SavedState written_;  // what the rows hold
  std::string message_;
};

}  // namespace tegrascope
