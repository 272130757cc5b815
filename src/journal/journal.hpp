#pragma once
/// Journal: an append-only log of changes in a directory of its own, so that a change which was acknowledged
/// survives the process. Files: docs/journal-format.md. One process at a time (flock); a local file system.
///
/// Group commit: appends that arrive while one fdatasync runs share the next. An append is answered after its
/// fdatasync has returned (JournalSync::os_cache: after write).
///
/// Numbers: every record has one, and later records have higher ones, also after a restart, after damage and
/// when every file was retired: the newest segment, which bears the next number, is never removed, and each
/// opening goes on 2^20 above all that was read, which is more than a cut file can have held. (Names of
/// segments bear numbers, too, and are durable in both modes of sync.)
///
/// Done: marks are records of the same log. They are written at once but not waited for, and are durable with
/// the next commit. Segments are removed from the oldest on, when marks that cover them are durable; so a
/// change that is told again after a crash is never told without the later changes of its key.
///
/// At least once, applied once: after kill -9 a change is told again unless its mark was written, which is
/// the time between the target's answer and one write(2); after a power cut unless the mark was synced. A
/// target that compares versions (the record's number, the same both times) takes the repetition for what it
/// is; for one that does not, it is the same write a second time, in the same order for its key.
///
/// Faults: when a write or a sync fails, the journal stops: that append and every later one is refused with
/// the reason, and no file is synced again, for a second fsync may succeed without the data being there
/// (https://wiki.postgresql.org/wiki/Fsync_Errors). What was acknowledged is found at the next opening.
/// A forked child must not use what its parent opened (forked()).

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <terrace/detail/journal/sync.hpp>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>

#include "journal/recovery.hpp"

namespace terrace::journal {

struct JournalOptions {
  std::string path = {};  ///< the directory; made if it is not there, its parent must be
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
  std::uint64_t syncs = 0;     ///< appended / syncs: how well commits were grouped
  std::uint64_t dead_letters = 0;
  std::uint64_t damaged = 0;     ///< places that could not be read at the opening
  std::uint64_t torn_bytes = 0;  ///< cut off at the opening
};

/// Thread safe.
class Journal : public std::enable_shared_from_this<Journal> {
 public:
  /// Recovers what the directory holds and tells it to `recovered`, in order. Throws ConfigError.
  static std::shared_ptr<Journal> open(JournalOptions options, const std::function<void(Change)>& recovered);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Gives the change back with its version once it is safe. Handlers are called in the order of the appends,
  /// never inside this call.
  void append(Change change, Handler<Result<Change>> appended);

  /// Writes the change to a file of dead letters, with the reason, and marks it done.
  void bury(Change change, std::string reason, Handler<Result<Change>> buried);

  /// These records need nothing more.
  void done(const std::vector<std::uint64_t>& versions);

  /// Ends what was appended before and lets go of the directory. Later appends are refused. Idempotent; not
  /// from a handler.
  void close();

  /// Whose directory it is: random, made with the journal and kept in its files.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// True in a child that was forked since the opening: nothing works there.
  [[nodiscard]] bool forked() const noexcept;
  [[nodiscard]] JournalStats stats() const;
  /// What could not be read at the opening.
  [[nodiscard]] const std::vector<Damage>& damage() const noexcept { return damage_; }

 private:
  struct Request {
    Change change;
    std::optional<std::string> reason;  // of a dead letter
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
  std::optional<Error> broken_;  // why nothing is taken any more
  JournalStats stats_;

  // Whoever works has these to itself.
  std::optional<Directory> directory_;
  std::uint64_t id_ = 0;
  std::uint64_t next_ = 0;
  DoneSet done_;
  std::deque<Segment> segments_;  // complete ones, oldest first
  std::string active_name_;
  std::optional<File> active_;
  std::optional<File> letters_;
  std::uint64_t active_records_ = 0;
  std::uint64_t written_watermark_ = 0;  // what the active segment tells
  Bytes buffer_;                         // its records that are not yet written

  std::vector<Damage> damage_;
};

}  // namespace terrace::journal
