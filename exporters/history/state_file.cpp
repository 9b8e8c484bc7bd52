#include "exporters/history/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "exporters/history/state_rows.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kApplication = 0x74677363;  // "tgsc"

std::string reason_of(int error) { return std::generic_category().message(error); }

// 20261123T083000Z
std::string stamp(std::int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

void make_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  fs::create_directories(directory, error);
  if (!error) fs::permissions(directory, fs::perms::owner_all, error);
  if (error)
    throw StorageError(directory.string() + " cannot be made: " + error.message() +
                       "; make it, or name another with --storage.path");
}

}  // namespace

StateFile::StateFile(const fs::path& directory, std::int64_t now_unix_s)
    : directory_(directory), path_(directory / kName) {
  make_directory(directory_);
  lock();
  try {
    try {
      open();
      if (loaded_ && is_full(loaded_->books)) move_aside("full", "its counters are half full", now_unix_s);
    } catch (const DamagedFile& e) {
      move_aside("damaged", e.what(), now_unix_s);
    }
    if (!database_) open();
  } catch (...) {
    database_.reset();
    ::close(lock_);
    throw;
  }
  if (loaded_) written_ = *loaded_;
}

StateFile::~StateFile() {
  database_.reset();
  ::close(lock_);
}

void StateFile::lock() {
  const fs::path path = directory_ / "lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    throw StorageError(directory_.string() + " cannot be written: " + reason_of(errno) +
                       "; give it to the agent's user, or name another with --storage.path");
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(lock_);
  throw StorageError(directory_.string() +
                     " is in use by another tegrascope; stop that one, or name another with --storage.path");
}

void StateFile::open() {
  loaded_.reset();
  // SQLite would make it readable by everybody; its log takes the file's mode.
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  database_ = std::make_unique<Database>(path_);
  Database& db = *database_;
  // Small pages: a commit writes whole ones.
  db.run(
      "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-256; "
      "PRAGMA temp_store=MEMORY");
  if (const std::string check = db.text("PRAGMA quick_check(1)"); check != "ok") throw DamagedFile(check);
  const std::int64_t application = db.integer("PRAGMA application_id");
  const std::int64_t format = db.integer("PRAGMA user_version");
  const bool empty = db.integer("SELECT count(*) FROM sqlite_master") == 0;
  if (empty && application == 0) {
    db.run("BEGIN IMMEDIATE");
    db.run(("PRAGMA application_id=" + std::to_string(kApplication)).c_str());
    db.run(("PRAGMA user_version=" + std::to_string(kFormat)).c_str());
    create_tables(db);
    db.run("COMMIT");
    return;
  }
  if (application != kApplication) throw DamagedFile("it is a file of another program");
  if (format > kFormat)
    throw DamagedFile("it is of a later version of tegrascope (format " + std::to_string(format) + ")");
  loaded_ = read_state(db);
}

void StateFile::move_aside(const char* reason, const std::string& why, std::int64_t now_unix_s) {
  database_.reset();
  loaded_.reset();
  const std::string base = path_.string() + "." + reason + "-" + stamp(now_unix_s);
  std::string target = base;
  for (int n = 2; fs::exists(target); ++n) target = base + "-" + std::to_string(n);
  // The log of the last commits belongs to the file: with its name it can be opened where it lies.
  for (const char* part : {"", "-wal", "-shm"}) {
    std::error_code error;
    fs::rename(path_.string() + part, target + part, error);
    if (error && (*part == 0 || error != std::errc::no_such_file_or_directory))
      throw StorageError(path_.string() + part + " cannot be used (" + why +
                         ") nor moved away: " + error.message() + "; move it away by hand");
  }
  message_ = path_.string() + " cannot be used (" + why + "): it was moved to " + target +
             " and a new ledger begins";
}

void StateFile::save(const SavedState& state) {
  Database& db = *database_;
  db.run("BEGIN IMMEDIATE");
  try {
    write_state(db, written_, state);
    db.run("COMMIT");
  } catch (const StorageError& e) {
    try {
      db.run("ROLLBACK");
    } catch (const StorageError&) {  // rolled back already
    }
    throw StorageError(std::string(e.what()) + "; check the room and the rights of " + directory_.string());
  }
  written_ = state;
}

}  // namespace tegrascope
