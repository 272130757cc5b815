#pragma once
/// JournalOwner: one journal at a time writes back into a namespace. Versions order the changes of one
/// journal, not those of two: what the older one flushes over a newer one's value would be taken for late and
/// dropped.
///
/// The owner's name, the identity of its journal, lies in the first level that processes share, under
/// `NAMESPACE~writer`, for `life`; it is renewed while the cache lives, and removed when it closes with
/// nothing left to flush. So a journal that is opened again after a crash goes on at once, and another one
/// may begin when the former is gone. A refused journal stays so until it is opened again: an opening takes
/// numbers above those of all before it. What is no journal's name, or would last longer than one, is
/// replaced. A namespace whose levels nobody shares has no owner: nothing there can tell.

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

  /// `tier`: of the levels, one that is shared.
  JournalOwner(const std::shared_ptr<Core>& core, std::size_t tier);

  /// Asks for the namespace, for this journal (Journal::id), and renews it from now on. Before that nothing
  /// is confirmed.
  void start(std::uint64_t journal);

  /// Success: nobody else flushes for now. unavailable: another journal does, or the level cannot be asked;
  /// the flush is to be tried again later.
  void confirm(Handler<Result<void>> done);

  /// Another journal was seen to be the owner: no further change may be acknowledged.
  [[nodiscard]] bool refused() const noexcept { return refused_; }
  /// Why, for a caller that wants to write.
  [[nodiscard]] Error refusal() const;

  /// Lets go of the namespace; `done` is called when that has come through, or cannot.
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
