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
#include "database/sqlite_rows.hpp"

namespace terrace::database {

class Engine {
 public:
  /// Opens the file; throws ConfigError. `closing` ends waits for locks early.
  Engine(SqliteOptions options, const std::atomic<bool>& closing);
  ~Engine();

  /// Results for each call, from one snapshot.
  [[nodiscard]] std::vector<ReadCall::Results> read(std::span<const std::shared_ptr<ReadCall>> calls);

  /// Does the calls in order, in one transaction if that succeeds; otherwise each item in its own.
  [[nodiscard]] std::vector<WriteCall::Results> write(std::span<const std::shared_ptr<WriteCall>> calls);

  /// Does a slice of the bulk delete, some milliseconds; returns true when it is finished, an error if it
  /// failed.
  [[nodiscard]] Result<bool> sweep(SweepCall& call);

  /// Opens the file again if another one has replaced it.
  void follow_path();

  [[nodiscard]] Totals totals() const noexcept { return {entries_.load(), bytes_.load()}; }
  [[nodiscard]] SqliteStats stats() const noexcept;

 private:
  struct Session;

  [[nodiscard]] std::int64_t now() const noexcept;
  void open();
  void try_open();
  void put_session_aside();
  void recover(const SqliteFault& fault, std::uint64_t session_number);
  template <class Work>
  std::optional<Error> with_session(Work&& work);
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
  std::atomic<std::uint64_t> entries_{0}, bytes_{0};
  std::atomic<std::uint64_t> quarantined_{0}, evicted_{0}, purged_{0}, transactions_{0};
};

}  // namespace terrace::database
