#pragma once
/// Engine: the open cache file and the work on it. It has no queue, no threads and no deadlines: the tier
/// calls read() from one thread and write() from another, both at the same time.

#include <atomic>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <terrace/sqlite.hpp>

#include "database/sqlite_calls.hpp"
#include "database/sqlite_file.hpp"
#include "database/sqlite_log.hpp"
#include "database/sqlite_rows.hpp"

namespace terrace::database {

class Engine {
 public:
  /// Opens the file, or leaves that to the first use if another program has locked it; throws ConfigError for a
  /// file that cannot be the cache's. `closing` ends waits for locks and long statements early.
  Engine(SqliteOptions options, const std::atomic<bool>& closing);
  ~Engine();

  /// Results for each call, from one snapshot.
  [[nodiscard]] std::vector<ReadCall::Results> read(std::span<const std::shared_ptr<ReadCall>> calls);

  /// Does the calls in order, in one transaction if that succeeds; otherwise each item in its own.
  [[nodiscard]] std::vector<WriteCall::Results> write(std::span<const std::shared_ptr<WriteCall>> calls);

  /// Does a slice of the bulk delete, some milliseconds; returns true when it is finished, an error if it
  /// failed.
  [[nodiscard]] Result<bool> sweep(SweepCall& call);

  [[nodiscard]] Totals totals() const noexcept { return {entries_.load(), bytes_.load()}; }
  /// False while the file cannot be opened.
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  [[nodiscard]] SqliteStats stats() const noexcept;

 private:
  struct Side;
  struct Session;

  [[nodiscard]] std::int64_t now() const noexcept;
  void open();
  void try_open();
  void end_session() noexcept;
  void set_aside(FileIdentity damaged, const std::string& why);
  /// There is no session; the log says so once.
  void broken(Error why);
  void say(const std::string& what);
  /// Opens the file again if it was removed, or another one has replaced it. Looks at most once a second.
  void follow_path();
  [[nodiscard]] Error read_only_error() const;
  void put_session_aside(const std::string& why);
  [[noreturn]] void refuse(const std::string& why) const;
  void recover(const SqliteFault& fault, std::uint64_t session_number);
  /// `side`: the connection that the work uses.
  template <class Work>
  std::optional<Error> with_session(Side Session::*side, Work&& work);
  template <class Work>
  std::optional<Error> in_transaction(Work&& work);
  WriteCall::Results write_singly(const WriteCall& call);

  const SqliteOptions options_;
  const std::atomic<bool>& closing_;
  // Shared: both threads work on the session. Exclusive: it is being replaced.
  std::shared_mutex session_mutex_;
  std::unique_ptr<Session> session_;
  std::uint64_t session_number_ = 0;
  TimePoint next_attempt_{};
  Error broken_{Errc::unavailable};  // why there is no session
  bool away_ = false;                // as the log says
  LogLines log_;
  std::atomic<std::uint64_t> entries_{0}, bytes_{0};
  std::atomic<bool> open_{false};
  std::atomic<TimePoint> next_look_{TimePoint{}};
  std::atomic<std::uint64_t> quarantined_{0}, reopened_{0}, evicted_{0}, purged_{0}, transactions_{0};
};

}  // namespace terrace::database
