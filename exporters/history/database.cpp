#include "exporters/history/database.hpp"

#include <sqlite3.h>

namespace tegrascope {
namespace {

constexpr int kBusyMilliseconds = 2000;  // another program reads the file

// SQLITE_ERROR: a table or column of ours is not there.
bool is_damage(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR;
}

}  // namespace

Database::Database(const std::filesystem::path& path) : path_(path) {
  constexpr int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const std::string why = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    throw StorageError(path.string() + ": " + why);
  }
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::fail() const {
  const std::string text = path_.string() + ": " + sqlite3_errmsg(handle_);
  if (is_damage(sqlite3_extended_errcode(handle_))) throw DamagedFile(text);
  throw StorageError(text);
}

void Database::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::int64_t Database::integer(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer() : 0;
}

std::string Database::text(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.text() : std::string();
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  if (sqlite3_prepare_v2(database.handle(), sql, -1, &statement_, nullptr) != SQLITE_OK) database.fail();
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(std::int64_t value) {
  if (sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK) database_.fail();
  return *this;
}

Statement& Statement::bind(double value) {
  if (sqlite3_bind_double(statement_, ++bound_, value) != SQLITE_OK) database_.fail();
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  if (sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                        SQLITE_TRANSIENT) != SQLITE_OK)
    database_.fail();
  return *this;
}

Statement& Statement::bind(std::optional<std::int64_t> value) {
  if (value) return bind(*value);
  if (sqlite3_bind_null(statement_, ++bound_) != SQLITE_OK) database_.fail();
  return *this;
}

bool Statement::step() {
  read_ = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail();
  return false;
}

void Statement::execute() {
  step();
  sqlite3_reset(statement_);
  bound_ = 0;
}

int Statement::next_column(int type) {
  const int column = read_++;
  if (sqlite3_column_type(statement_, column) != type)
    throw DamagedFile("column " + std::to_string(column) + " of '" + sqlite3_sql(statement_) +
                      "' has another type");
  return column;
}

std::int64_t Statement::integer() { return sqlite3_column_int64(statement_, next_column(SQLITE_INTEGER)); }

std::optional<std::int64_t> Statement::optional_integer() {
  if (sqlite3_column_type(statement_, read_) == SQLITE_NULL) {
    ++read_;
    return std::nullopt;
  }
  return integer();
}

double Statement::real() { return sqlite3_column_double(statement_, next_column(SQLITE_FLOAT)); }

std::string Statement::text() {
  const int column = next_column(SQLITE_TEXT);
  return {reinterpret_cast<const char*>(sqlite3_column_text(statement_, column)),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace tegrascope
