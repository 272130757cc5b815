#include <terrace/testing.hpp>

namespace terrace::testing {

void MovableScheduler::set(TimerId id, Timer& timer) {
  timer.below = below_->call_at(there(timer.when), [self = weak_from_this(), id, round = ++timer.round] {
    if (const auto alive = self.lock()) alive->fire(id, round);
  });
}

void MovableScheduler::fire(TimerId id, unsigned round) {
  Task task;
  {
    std::lock_guard lock(mutex_);
    const auto found = timers_.find(id);
    if (found == timers_.end() || found->second.round != round) return;
    task = std::move(found->second.task);
    timers_.erase(found);
  }
  task();
}

Scheduler::TimerId MovableScheduler::call_at(TimePoint when, Task task) {
  std::lock_guard lock(mutex_);
  const TimerId id = ++last_;
  set(id, timers_.emplace(id, Timer{when, std::move(task)}).first->second);
  return id;
}

bool MovableScheduler::cancel(TimerId timer) {
  std::lock_guard lock(mutex_);
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return false;
  below_->cancel(found->second.below);
  timers_.erase(found);
  return true;
}

void MovableScheduler::advance(Duration by) {
  clock_->move(by);
  std::lock_guard lock(mutex_);
  for (auto& [id, timer] : timers_) {
    below_->cancel(timer.below);
    set(id, timer);
  }
}

}  // namespace terrace::testing
