#pragma once
/// Timer: a task that a Scheduler runs at a given time, at most one at a time. On the I/O thread only.

#include <terrace/scheduler.hpp>

namespace terrace::redis {

class Timer {
 public:
  explicit Timer(Scheduler& scheduler) : scheduler_(scheduler) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Replaces the task that waits, if there is one. At no_deadline it never runs and is not kept. The task
  /// must keep the owner of this timer alive: the destructor cancels nothing, because the scheduler may be
  /// about to end, and destroys its tasks itself.
  void set(TimePoint when, Task task) {
    cancel();
    if (when != no_deadline) id_ = scheduler_.call_at(when, std::move(task));
  }

  void cancel() {
    if (id_ != 0) scheduler_.cancel(std::exchange(id_, 0));
  }

 private:
  Scheduler& scheduler_;
  Scheduler::TimerId id_ = 0;
};

}  // namespace terrace::redis
