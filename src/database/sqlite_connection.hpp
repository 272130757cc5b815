#pragma once
/// Connection and Statement: SQLite's C interface with owning types, and its failures as one exception, which
/// never leaves this layer.

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace terrace::database {

/// An error of SQLite: its primary result code and its text. Contains no key and no value.
class SqliteFault : public std::exception {
 public:
  SqliteFault(int code, std::string text) : code_(code), text_(std::move(text)) {}
  [[nodiscard]] int code() const noexcept { return code_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  /// The file is damaged (or not an SQLite file).
  [[nodiscard]] bool means_damage() const noexcept;
  [[nodiscard]] bool means_busy() const noexcept;
  /// The statement was ended by Connection::give_up_at or because the tier is being closed.
  [[nodiscard]] bool means_interrupted() const noexcept;
  /// The file cannot be opened in this way, for example for writing.
  [[nodiscard]] bool means_no_access() const noexcept;
  [[nodiscard]] Error error(const std::filesystem::path& path) const;

 private:
  int code_;
  std::string text_;
};

/// A prepared statement. Bind from 1, step, read columns from 0, reset. Bound data must live until reset().
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, const char* sql);

  Statement& bind(int index, std::string_view blob);
  Statement& bind(int index, std::int64_t number);
  /// True: a row. False: done.
  bool step();
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view blob(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  void reset() noexcept;
  /// Binds nothing, runs to the end, resets.
  void run();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// Resets a statement at the end of a scope, so that no read stays open.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

/// What a connection may do with the file.
enum class Access : std::uint8_t {
  read_write,
  read_only,  ///< beside processes that write; SQLite may make a `-shm` file
  immutable,  ///< nobody writes, and nothing is made beside the file: for read-only file systems
};

/// One connection, for one thread at a time. The file is untrusted input: triggers and views in it do not run,
/// and no statement runs for longer than give_up_at() permits.
class Connection {
 public:
  /// Waits at most `busy_timeout` for another connection's lock, and no longer once `closing` is set.
  Connection(const std::filesystem::path& path, Access access, Duration busy_timeout,
             const std::atomic<bool>& closing);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Statements that still run then fail, and those that run 300 ms after `closing` was set. Time in the
  /// operating system, as in a sync, is not interrupted.
  void give_up_at(TimePoint when) noexcept { give_up_at_ = when; }
  void execute(const char* sql);
  [[nodiscard]] Statement prepare(const char* sql) { return {db_.get(), sql}; }
  [[nodiscard]] std::int64_t integer(const char* sql);
  [[nodiscard]] std::string text(const char* sql);
  [[nodiscard]] bool read_only() const noexcept;
  [[nodiscard]] bool in_transaction() const noexcept;
  /// Ends a transaction that failed, if SQLite has not done it already.
  void rollback() noexcept;
  /// Leaves the WAL unchanged when this connection is closed: for a damaged file.
  void keep_wal_on_close() noexcept;

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept;
  };
  static int on_busy(void* self, int attempts) noexcept;
  static int on_progress(void* self) noexcept;
  void distrust_file();

  std::unique_ptr<sqlite3, Close> db_;
  Duration busy_timeout_;
  const std::atomic<bool>& closing_;
  TimePoint busy_since_;
  TimePoint give_up_at_ = no_deadline;
  TimePoint closing_since_ = no_deadline;  // as seen by this connection
};

}  // namespace terrace::database
