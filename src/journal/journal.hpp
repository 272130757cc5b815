#pragma once
/// Journal: an append-only log of changes in its own directory, so that an acknowledged change survives the
/// process. Files: docs/journal-format.md. One process at a time (flock); on a local file system.
///
/// Group commit: appends that arrive during an fdatasync share the next one. An append is answered after its
/// fdatasync has returned (JournalSync::os_cache: after write).
///
/// Numbers: every record has a number, and later records have higher ones, also after a restart, after damage
/// and when all files were retired. The newest segment, whose name has the next number, is never removed, and
/// each opening continues 2^20 above all numbers that were read, which is more than a truncated file can have
/// held. (Segments have numbers in their names, which are durable in both modes of sync.)
///
/// Done: marks are records of the same log. They are written at once but not waited for; they are durable
/// with the next commit. Segments are removed from the oldest on, when the marks that cover them are durable;
/// so a change that is delivered again after a crash is never delivered without the later changes of its key.
///
/// Delivered at least once, applied once: after kill -9 a change is delivered again unless its mark was
/// written, which is the time between the target's answer and one write(2); after a power cut unless the mark
/// was synced. A target that compares versions (the record's number, the same both times) recognises the
/// repetition; for another target it is the same write a second time, in the same order for its key.
///
/// Faults: when a write or a sync fails, the journal stops: that append and every later one is rejected with
/// the reason, and no file is synced again, because a second fsync may succeed although the data is not on
/// the disk (https://wiki.postgresql.org/wiki/Fsync_Errors). The next opening finds all acknowledged changes.
/// A forked child must not use a journal that its parent opened (forked()).

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <terrace/journal_sync.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>

#include "journal/recovery.hpp"

namespace terrace::journal {

struct JournalOptions {
  std::string path = {};  ///< the directory; created if necessary, its parent must exist
  JournalSync sync = JournalSync::durable;
  /// Where blocking work runs: SerialThread::run or Scheduler::post_blocking.
  std::function<void(Task)> run = {};
  std::uint64_t segment_bytes = std::uint64_t{16} << 20;  ///< at most a GiB
  std::uint64_t first = 1;                                ///< the least number of this opening; not 0
  Sealing sealing = {};
  Disk* disk = &Disk::real();
};

struct JournalStats {
  std::uint64_t bytes = 0;     ///< of all segments
  std::uint64_t segments = 0;  ///< files
  std::uint64_t appended = 0;  ///< changes acknowledged since the opening
  std::uint64_t syncs = 0;     ///< appended / syncs shows how well commits were grouped
  std::uint64_t dead_letters = 0;
  std::uint64_t damaged = 0;     ///< places that could not be read at the opening
  std::uint64_t torn_bytes = 0;  ///< cut off at the opening
};

/// Thread safe.
class Journal : public std::enable_shared_from_this<Journal> {
 public:
  /// Recovers the changes in the directory and passes them to `recovered`, in order. Throws ConfigError.
  static std::shared_ptr<Journal> open(JournalOptions options, const std::function<void(Change)>& recovered);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Returns the change with its version once it is safe. Handlers are called in the order of the appends,
  /// never inside this call.
  void append(Change change, Handler<Result<Change>> appended);

  /// Writes the change to a file of dead letters, with the reason, and marks it done.
  void bury(Change change, std::string reason, Handler<Result<Change>> buried);

  /// These records are done.
  void done(const std::vector<std::uint64_t>& versions);

  /// Completes earlier appends and releases the directory. Later appends are rejected. Idempotent; not to be
  /// called from a handler.
  void close();

  /// Identifies the directory: random, created with the journal and kept in its files.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// True in a child that was forked since the opening: the journal does not work there.
  [[nodiscard]] bool forked() const noexcept;
  [[nodiscard]] JournalStats stats() const;
  /// The places that could not be read at the opening.
  [[nodiscard]] const std::vector<Damage>& damage() const noexcept { return damage_; }

 private:
  struct Request {
    Change change;
    std::optional<std::string> reason;  // for a dead letter
    Handler<Result<Change>> answer;
  };
  enum class State : std::uint8_t { idle, scheduled, working };

  Journal(JournalOptions options, Directory directory);
  void recover(const std::function<void(Change)>& recovered);
  void enqueue(Request request);
  void wake(std::unique_lock<std::mutex>& lock);
  void work();
  [[nodiscard]] std::optional<Error> commit(std::vector<Request>& requests, std::vector<std::uint64_t> done);
  void write_change(Change& change);
  void write_letter(const Request& request);
  void write_mark(std::vector<std::uint64_t>& done);
  void put_out();
  void sync(File& file);
  void begin_segment();
  void retire();

  const JournalOptions options_;
  const pid_t process_;

  mutable std::mutex mutex_;
  std::condition_variable rested_;
  State state_ = State::idle;
  bool closed_ = false;
  std::vector<Request> requests_;
  std::vector<std::uint64_t> done_versions_;
  std::optional<Error> broken_;  // why appends are rejected
  JournalStats stats_;

  // The thread that works has exclusive use of these.
  std::optional<Directory> directory_;
  std::uint64_t id_ = 0;
  std::uint64_t next_ = 0;
  DoneSet done_;
  std::deque<Segment> segments_;  // complete ones, oldest first
  std::string active_name_;
  std::optional<File> active_;
  std::optional<File> letters_;
  std::uint64_t active_records_ = 0;
  std::uint64_t written_watermark_ = 0;  // the watermark in the active segment
  Bytes buffer_;                         // its records that are not yet written

  std::vector<Damage> damage_;
};

}  // namespace terrace::journal
