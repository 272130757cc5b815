#pragma once
/// JournalOwner: makes sure that one journal at a time writes back into a namespace (coherence rule
/// "Write-back" of docs/reliability.md). Versions order the changes of one journal, not those of two: a flush
/// of the older journal over a newer one's value would be taken for late, and dropped.
///
/// The owner's name is the identity of its journal. It is stored in the first level that processes share,
/// under `NAMESPACE~writer`, for `life`. It is renewed while the cache is open, and removed when the cache
/// closes with nothing left to flush. So a journal that is opened again after a crash goes on at once, and
/// another one may begin when the former owner is gone. A refused journal stays refused until it is opened
/// again: each opening takes numbers above those of all openings before it. If the key holds something that
/// is no journal's name, it is replaced. A namespace without a shared level has no owner, because nothing can
/// detect a second journal there.
///
///     not confirmed ──start, confirm, timer: ask──► ours for life / 4, longer if renewed ──► not confirmed
///          └──the key names another journal──► refused, for good
///     release(), once, when the cache closes ──► released

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <terrace/scheduler.hpp>
#include <terrace/tier.hpp>

namespace terrace::cascade {

class Core;

/// Thread safe.
class JournalOwner : public std::enable_shared_from_this<JournalOwner> {
 public:
  static constexpr Duration life = std::chrono::seconds(30);

  /// `tier`: the index of a shared level.
  JournalOwner(const std::shared_ptr<Core>& core, std::size_t tier);

  /// Asks for the namespace, for this journal (Journal::id), and renews it from now on. Before that,
  /// confirm() fails.
  void start(std::uint64_t journal);

  /// Success: no other journal flushes for now. unavailable: another one does, or the level cannot be asked;
  /// the flush is to be tried again later.
  void confirm(Handler<Result<void>> done);

  /// Another journal is the owner: no further change may be acknowledged.
  [[nodiscard]] bool refused() const noexcept { return refused_; }
  /// The reason, for a caller that wants to write.
  [[nodiscard]] Error refusal() const;

  /// Gives the namespace up; `done` is called when that has succeeded or failed.
  void release(Handler<Result<bool>> done);

 private:
  [[nodiscard]] std::string name() const;
  void ask(Handler<Result<void>> done);
  void extend(TimePoint began, const Bytes& from, Handler<Result<void>> done);
  void arm();

  const std::weak_ptr<Core> core_;
  const std::size_t tier_;
  const std::string key_;
  std::atomic<std::uint64_t> journal_{0};
  std::atomic<TimePoint> until_{TimePoint::min()};
  std::atomic<bool> refused_{false};
  std::atomic<bool> released_{false};
};

}  // namespace terrace::cascade
