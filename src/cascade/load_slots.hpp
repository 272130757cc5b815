#pragma once
/// LoadSlots: at most so many loader calls at the same time; the others take turns.

#include <deque>
#include <mutex>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/scheduler.hpp>
#include <utility>

namespace terrace::cascade {

/// Thread safe. Tasks run in the order they came, without a lock, inside enter() or leave().
class LoadSlots {
 public:
  explicit LoadSlots(std::size_t slots) : slots_(slots), free_(slots) {}

  /// Runs the task when there is a slot for it, which it must leave.
  void enter(Task task) {
    {
      std::lock_guard lock(mutex_);
      if (free_ == 0) return waiting_.push_back(std::move(task));
      --free_;
    }
    task();
  }

  [[nodiscard]] LoadTurns turns() const {
    std::lock_guard lock(mutex_);
    return {slots_, slots_ - free_, waiting_.size()};
  }

  void leave() {
    std::unique_lock lock(mutex_);
    ++free_;
    // One leave() at a time hands out turns, however many tasks leave while they are called.
    if (std::exchange(handing_out_, true)) return;
    while (free_ > 0 && !waiting_.empty()) {
      --free_;
      Task next = std::move(waiting_.front());
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
  std::size_t free_;
  bool handing_out_ = false;
  std::deque<Task> waiting_;
};

}  // namespace terrace::cascade
