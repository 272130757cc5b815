#pragma once
/// LoadSlots: at most so many loader calls at the same time; the others take turns.

#include <deque>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <utility>

namespace terrace::cascade {

/// Thread safe. Tasks run in the order they came, without a lock, inside enter() or leave().
class LoadSlots {
 public:
  explicit LoadSlots(std::size_t slots) : free_(slots) {}

  /// Runs the task when there is a slot for it, which it must leave.
  void enter(Task task) {
    {
      std::lock_guard lock(mutex_);
      if (free_ == 0) return waiting_.push_back(std::move(task));
      --free_;
    }
    task();
  }

  void leave() {
    Task next;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next();
  }

 private:
  std::mutex mutex_;
  std::size_t free_;
  std::deque<Task> waiting_;
};

}  // namespace terrace::cascade
