// The few calls of SQLite that the store needs, with errors as exceptions. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace tegrascope {

// What cannot be read or written, and why; the text names the path.
class StorageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The file is there and is no sound database of ours: it has to be moved out of the way.
class DamagedFile : public StorageError {
 public:
  using StorageError::StorageError;
};

class Database {
 public:
  // Opens or creates the file. Throws.
  explicit Database(const std::filesystem::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements without a result, several with ';' between.
  void run(const char* sql);
  std::int64_t integer(const char* sql);  // first column of the first row
  std::string text(const char* sql);

  sqlite3* handle() const { return handle_; }
  [[noreturn]] void fail() const;  // of the last call

 private:
  const std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
};

// A prepared statement; values are bound and columns read in order.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind(std::optional<std::int64_t> value);  // absent: NULL
  bool step();                                         // true: there is a row
  // Executes and is ready to be bound again.
  void execute();

  std::int64_t integer();  // throws DamagedFile when the column is of another type
  std::optional<std::int64_t> optional_integer();
  double real();
  std::string text();

 private:
  int next_column(int type);

  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int read_ = 0;
};

}  // namespace tegrascope
