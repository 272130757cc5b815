#pragma once
/// LoadSlots: the limit for loader calls at the same time (max_concurrent_loads); further ones wait for their
/// turn.
///
/// A load that a nested read waits for needs no turn (detail/load_mark.hpp): the loads that have the slots
/// may be waiting for it. It counts as well, so the others wait until the number is below the limit again.
///
/// A loader that does not end keeps no slot: after load_timeout it is overdue, and its slot is free. There is
/// a limit for overdue loaders as well, because each of them may keep a thread. Above it new loads are
/// refused at once.
///
///     waiting ──a free slot, or hurry()──► taken ──leave()──────────────► over
///                                            └──overtime()──► overdue ──came_back()──► over

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/scheduler.hpp>
#include <utility>

#include "base/assert.hpp"

namespace terrace::cascade {

/// Thread safe. Tasks run in the order in which they came, without a lock, inside enter(), hurry() or
/// leave().
class LoadSlots {
 public:
  /// Identifies a task that waits; 0 is none.
  using Ticket = std::uint64_t;

  explicit LoadSlots(std::size_t slots) : slots_(slots) {}

  /// The limit of overdue loaders, for each slot.
  static constexpr std::size_t overdue_per_slot = 16;

  /// Runs the task as soon as there is a slot for it, or now if nested. Its end must call leave(). Returns
  /// the ticket of a task that waits, otherwise 0. Error (overloaded): too many loaders are overdue.
  Result<Ticket> enter(Task task, bool nested = false) {
    {
      std::lock_guard lock(mutex_);
      if (overdue_ / overdue_per_slot >= slots_) {
        return Error(Errc::overloaded,
                     std::to_string(overdue_) +
                         " loaders still run although load_timeout is over or their callers "
                         "have given up, so no further one is started: give what they wait "
                         "for a time limit");
      }
      if (taken_ >= slots_ && !nested) {
        waiting_.emplace_back(++last_, std::move(task));
        return last_;
      }
      ++taken_;
    }
    task();
    return Ticket{0};
  }

  /// A nested read waits for the task now: it runs at once, unless it has already begun.
  void hurry(Ticket ticket) {
    Task task;
    {
      std::lock_guard lock(mutex_);
      const auto found = std::lower_bound(waiting_.begin(), waiting_.end(), ticket,
                                          [](const auto& one, Ticket wanted) { return one.first < wanted; });
      if (found == waiting_.end() || found->first != ticket) return;
      task = std::move(found->second);
      waiting_.erase(found);
      ++taken_;
    }
    task();
  }

  /// `taken` is above `slots` while there are more nested loads than free slots.
  [[nodiscard]] LoadTurns turns() const {
    std::lock_guard lock(mutex_);
    return {slots_, taken_, waiting_.size(), overdue_};
  }

  /// The loader that has this slot is overdue: the slot is free from now on. Its end must call came_back().
  void overtime() {
    {
      std::lock_guard lock(mutex_);
      ++overdue_;
    }
    leave();
  }

  /// An overdue loader has ended after all.
  void came_back() {
    std::lock_guard lock(mutex_);
    TERRACE_ASSERT(overdue_ > 0);
    --overdue_;
  }

  void leave() {
    std::unique_lock lock(mutex_);
    TERRACE_ASSERT(taken_ > 0);
    --taken_;
    // Only one leave() at a time hands out turns, also if the tasks that it calls leave as well.
    if (std::exchange(handing_out_, true)) return;
    while (taken_ < slots_ && !waiting_.empty()) {
      ++taken_;
      Task next = std::move(waiting_.front().second);
      waiting_.pop_front();
      lock.unlock();
      std::exchange(next, nullptr)();
      lock.lock();
    }
    handing_out_ = false;
  }

 private:
  mutable std::mutex mutex_;
  const std::size_t slots_;
  std::size_t taken_ = 0;
  std::size_t overdue_ = 0;
  bool handing_out_ = false;
  std::deque<std::pair<Ticket, Task>> waiting_;  // in the order of their tickets
  Ticket last_ = 0;
};

}  // namespace terrace::cascade
