#include <terrace/testing.hpp>

namespace terrace::testing {

void FakeScheduler::post(Task task) {
  std::lock_guard lock(mutex_);
  ready_.push_back(std::move(task));
}

void FakeScheduler::post_blocking(Task task) {
  std::lock_guard lock(mutex_);
  blocking_.push_back(std::move(task));
}

Scheduler::TimerId FakeScheduler::call_at(TimePoint when, Task task) {
  std::lock_guard lock(mutex_);
  const TimerId id = ++last_timer_;
  timers_.emplace(std::pair{when, id}, std::move(task));
  due_.emplace(id, when);
  return id;
}

bool FakeScheduler::cancel(TimerId timer) {
  std::lock_guard lock(mutex_);
  const auto found = due_.find(timer);
  if (found == due_.end()) return false;
  timers_.erase({found->second, timer});
  due_.erase(found);
  return true;
}

bool FakeScheduler::run_one() {
  Task task;
  bool blocking = false;
  {
    std::lock_guard lock(mutex_);
    blocking = ready_.empty();
    auto& queue = blocking ? blocking_ : ready_;
    if (queue.empty()) return false;
    task = std::move(queue.front());
    queue.pop_front();
  }
  const bool outer = std::exchange(running_io_, !blocking);
  task();
  running_io_ = outer;
  return true;
}

std::size_t FakeScheduler::run_ready() {
  std::size_t count = 0;
  while (run_one()) ++count;
  return count;
}

bool FakeScheduler::fire_next_timer(TimePoint limit) {
  {
    std::lock_guard lock(mutex_);
    if (timers_.empty() || timers_.begin()->first.first > limit) return false;
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    if (node.key().first > clock_.now()) clock_.advance(node.key().first - clock_.now());
    ready_.push_back(std::move(node.mapped()));
  }
  run_ready();
  return true;
}

void FakeScheduler::advance(Duration by) {
  const TimePoint end = clock_.now() + by;
  run_ready();
  while (fire_next_timer(end)) {
  }
  if (clock_.now() < end) clock_.advance(end - clock_.now());
}

bool FakeScheduler::wait(Latch& latch, TimePoint deadline) {
  while (!latch.is_open()) {
    if (run_one()) continue;
    if (fire_next_timer(deadline)) continue;
    if (deadline != no_deadline && clock_.now() < deadline) clock_.advance(deadline - clock_.now());
    return latch.is_open();
  }
  return true;
}

std::size_t FakeScheduler::pending_timers() const {
  std::lock_guard lock(mutex_);
  return timers_.size();
}

}  // namespace terrace::testing
