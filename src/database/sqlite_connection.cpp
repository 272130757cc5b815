#include "database/sqlite_connection.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <thread>

namespace terrace::database {
namespace {

[[noreturn]] void fail(sqlite3* db, int code) {
  throw SqliteFault(code & 0xff, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

void check(sqlite3* db, int code) {
  if (code != SQLITE_OK) fail(db, code);
}

}  // namespace

bool SqliteFault::means_damage() const noexcept {
  return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB;
}

bool SqliteFault::means_busy() const noexcept {
  return code_ == SQLITE_BUSY || code_ == SQLITE_LOCKED;
}

Error SqliteFault::error(const std::filesystem::path& path) const {
  const std::string where = "sqlite " + path.string() + ": " + text_;
  if (means_damage()) return {Errc::corrupt, where + "; the file is renamed and a new one is made"};
  switch (code_) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Errc::unavailable, where + "; another process is writing for longer than busy_timeout"};
    case SQLITE_FULL:
      return {Errc::io_error, where + "; no space is left for the file"};
    case SQLITE_TOOBIG:
      return {Errc::value_too_large, where};
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return {Errc::denied, where};
    default:
      return {Errc::io_error, where};
  }
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* db, const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  check(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr));
  statement_.reset(prepared);
}

Statement& Statement::bind(int index, std::string_view blob) {
  // An empty blob needs an address, too: a null address would mean NULL.
  const char* data = blob.empty() ? "" : blob.data();
  check(sqlite3_db_handle(statement_.get()),
        sqlite3_bind_blob64(statement_.get(), index, data, blob.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
  check(sqlite3_db_handle(statement_.get()), sqlite3_bind_int64(statement_.get(), index, number));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* const db = sqlite3_db_handle(statement_.get());
  const SqliteFault fault(code & 0xff, sqlite3_errmsg(db));
  reset();
  throw fault;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

void Statement::run() {
  const ResetAtEnd at_end(*this);
  while (step()) {
  }
}

void Connection::Close::operator()(sqlite3* db) const noexcept {
  sqlite3_close_v2(db);
}

Connection::Connection(const std::filesystem::path& path, Duration busy_timeout,
                       const std::atomic<bool>& closing)
    : busy_timeout_(busy_timeout), closing_(closing) {
  sqlite3* opened = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  db_.reset(opened);
  check(opened, code);
  sqlite3_busy_handler(opened, &Connection::on_busy, this);
}

int Connection::on_busy(void* self, int attempts) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  const TimePoint now = system_clock().now();
  if (attempts == 0) connection.busy_since_ = now;
  const Duration left = connection.busy_timeout_ - (now - connection.busy_since_);
  if (left <= Duration::zero() || connection.closing_) return 0;
  const Duration pause = std::chrono::microseconds(100) * std::min(1 << std::min(attempts, 6), 50);
  std::this_thread::sleep_for(std::min(pause, left));
  return 1;
}

void Connection::execute(const char* sql) {
  check(db_.get(), sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr));
}

std::int64_t Connection::integer(const char* sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::text(const char* sql) {
  Statement statement = prepare(sql);
  return statement.step() ? std::string(statement.blob(0)) : std::string();
}

bool Connection::read_only() const noexcept {
  return sqlite3_db_readonly(db_.get(), "main") == 1;
}

bool Connection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

void Connection::rollback() noexcept {
  if (in_transaction()) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Connection::keep_wal_on_close() noexcept {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

}  // namespace terrace::database
