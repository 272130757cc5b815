#pragma once
/// WriteBack: takes changes into the journal, acknowledges them, and flushes them to a sink in batches.
///
/// Every change is journalled; of the changes of a key only the newest is flushed. Changes of a key reach the
/// sink in the order of put() (calls of one thread, or ordered otherwise), one at a time.
///
/// The sink fails in two ways. `unavailable`, `timed_out`, `overloaded`, `shutdown`: the target is away; the
/// changes are tried again after a pause (exponential, full jitter), without limit. Any other error is a
/// refusal: a change that was refused max_attempts times becomes a dead letter. A refusal counts if its kind
/// blames the change (too large, a bad key …), if the sink took others of the same batch, or if it refused
/// this change alone but has taken others since the last pause: a target that refuses everything makes no
/// dead letters. If a sink takes a batch as a whole or not at all, it gets the refused changes in halves,
/// until the faulty one is alone.
///
/// A change may be flushed again after a crash, with the same version (journal.hpp says when).
///
/// The states of a change; write_back_flush.cpp has those of the flush:
///
///     put ──► in the journal, acknowledged ──► queued ──► in a batch ──taken──► done in the journal
///                                                ▲            ├──failed──► put back ──pause is over──► queued
///                                                │            └──refused max_attempts times──► dead letter
///                                                └─ a newer change of the key takes its place
///
/// Thread safe. Handlers run on the journal's thread or the I/O thread, and must be short.

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>
#include <terrace/write_back.hpp>
#include <vector>

#include "cascade/pending_changes.hpp"
#include "journal/journal.hpp"

namespace terrace::cascade {

/// Sends a batch of changes, at most one for each key, to the target. Called on the I/O thread, one batch at
/// a time; answers each change, in order.
using Sink = UniqueFunction<void(std::vector<Change>, Handler<std::vector<Result<void>>>)>;

class WriteBack {
 public:
  /// The parts that a program does not choose; tests do.
  struct Parts {
    journal::Sealing sealing = {};
    journal::Disk* disk = &journal::Disk::real();
    /// Where the journal's blocking work runs; none: a thread of its own.
    std::function<void(Task)> run = {};
    std::uint64_t segment_bytes = std::uint64_t{16} << 20;
  };

  /// Recovers the journal and begins to flush its changes. Blocking file I/O. Throws ConfigError.
  WriteBack(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink);
  WriteBack(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink, Parts parts);
  /// As close(0).
  ~WriteBack();
  WriteBack(const WriteBack&) = delete;
  WriteBack& operator=(const WriteBack&) = delete;

  /// Success: the change is in the journal, and pending() shows it. overloaded: too many changes wait
  /// already. io_error: the journal has stopped (journal.hpp); whether the change is in it is unknown.
  /// `change.version` is ignored.
  void put(Change change, Handler<Result<void>> acknowledged);

  /// The newest acknowledged change of the key that has not reached the sink.
  [[nodiscard]] std::optional<Change> pending(std::string_view key) const;

  /// Begins to flush now. Success: everything put before has reached the sink. partial_write:
  /// everything except dead letters has. Waits as long as the target is away; shutdown when closed meanwhile.
  void flush(Handler<Result<void>> done);

  /// Refuses further puts as shutdown, flushes until `limit` has passed, then syncs the journal; the rest of
  /// the changes stays there. Blocks: not on the I/O thread, nor in a handler. Idempotent.
  void close(Duration limit);

  /// The identity of the journal (Journal::id).
  [[nodiscard]] std::uint64_t journal_id() const noexcept;
  [[nodiscard]] WriteBackStats stats() const;
  /// The parts of the journal that could not be read at the start.
  [[nodiscard]] const std::vector<journal::Damage>& damage() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace terrace::cascade
