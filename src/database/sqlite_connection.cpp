#include "database/sqlite_connection.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <thread>

namespace terrace::database {
namespace {

[[noreturn]] void fail(sqlite3* db, int code) {
  throw SqliteFault(code & 0xff, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

/// SQLite's instructions between two looks at the clock: some microseconds.
constexpr int steps_between_checks = 1000;
/// How long a statement may go on while the tier is being closed.
constexpr Duration closing_grace = std::chrono::milliseconds(300);
/// Larger than the largest max_value_bytes with its key.
constexpr int longest_row = (512 << 20) + (1 << 20);
constexpr int longest_sql = 100'000;

/// The path as a URI, in which %, ? and # have a meaning.
std::string immutable_uri(std::string_view path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%') {
      uri += "%25";
    } else if (c == '?') {
      uri += "%3f";
    } else if (c == '#') {
      uri += "%23";
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

void check(sqlite3* db, int code) {
  if (code != SQLITE_OK) fail(db, code);
}

}  // namespace

bool SqliteFault::means_damage() const noexcept {
  return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB;
}

bool SqliteFault::means_interrupted() const noexcept {
  return code_ == SQLITE_INTERRUPT;
}

bool SqliteFault::means_no_access() const noexcept {
  return code_ == SQLITE_CANTOPEN || code_ == SQLITE_READONLY || code_ == SQLITE_PERM;
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
    case SQLITE_INTERRUPT:
      return {Errc::timed_out, where + "; a statement ran for too long"};
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

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
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

Connection::Connection(const std::filesystem::path& path, Access access, Duration busy_timeout,
                       const std::atomic<bool>& closing)
    : busy_timeout_(busy_timeout), closing_(closing) {
  sqlite3* opened = nullptr;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  flags |= access == Access::read_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  if (access == Access::immutable) flags |= SQLITE_OPEN_URI;
  const std::string name = access == Access::immutable ? immutable_uri(path.string()) : path.string();
  const int code = sqlite3_open_v2(name.c_str(), &opened, flags, nullptr);
  db_.reset(opened);
  check(opened, code);
  sqlite3_busy_handler(opened, &Connection::on_busy, this);
  sqlite3_progress_handler(opened, steps_between_checks, &Connection::on_progress, this);
  distrust_file();
}

/// https://www.sqlite.org/security.html
void Connection::distrust_file() {
  constexpr std::pair<int, int> switches[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},        {SQLITE_DBCONFIG_DQS_DML, 0}};
  for (const auto& [which, on] : switches) check(db_.get(), sqlite3_db_config(db_.get(), which, on, nullptr));
  sqlite3_limit(db_.get(), SQLITE_LIMIT_LENGTH, longest_row);
  sqlite3_limit(db_.get(), SQLITE_LIMIT_SQL_LENGTH, longest_sql);
  sqlite3_limit(db_.get(), SQLITE_LIMIT_ATTACHED, 0);
  execute("PRAGMA cell_size_check=ON");
  execute("PRAGMA mmap_size=0");
}

int Connection::on_progress(void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  const TimePoint now = system_clock().now();
  if (connection.closing_ && connection.closing_since_ == no_deadline) connection.closing_since_ = now;
  const TimePoint last_moment =
      std::min(connection.give_up_at_, after(connection.closing_since_, closing_grace));
  return now >= last_moment ? 1 : 0;
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
