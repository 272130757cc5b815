#include "database/sqlite_deadlines.hpp"

#include "base/assert.hpp"

namespace terrace::database {

void Deadlines::watch(const CallPtr& call) {
  if (call->deadline == no_deadline) return;
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  watched_.emplace(call->deadline, call);
  if (call->deadline < armed_for_) arm(call->deadline);
  TERRACE_ASSERT(timer_ != 0 && armed_for_ <= watched_.begin()->first);
}

void Deadlines::forget(const Call& call) {
  if (call.deadline == no_deadline) return;
  CallPtr kept;  // so that the call's data is not destroyed under the lock
  std::lock_guard lock(mutex_);
  auto [at, end] = watched_.equal_range(call.deadline);
  while (at != end && at->second.get() != &call) ++at;
  if (at == end) return;
  kept = std::move(at->second);
  watched_.erase(at);
}

void Deadlines::stop() {
  std::multimap<TimePoint, CallPtr> dropped;
  std::lock_guard lock(mutex_);
  stopped_ = true;
  if (timer_ != 0) runtime_->cancel(timer_);
  dropped.swap(watched_);
}

void Deadlines::arm(TimePoint when) {
  if (timer_ != 0) runtime_->cancel(timer_);
  armed_for_ = when;
  timer_ = runtime_->call_at(when, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->fire();
  });
}

void Deadlines::fire() {
  std::vector<CallPtr> overdue;
  {
    std::lock_guard lock(mutex_);
    timer_ = 0;
    armed_for_ = no_deadline;
    if (stopped_) return;
    const auto end = watched_.upper_bound(runtime_->clock().now());
    for (auto at = watched_.begin(); at != end; ++at) overdue.push_back(std::move(at->second));
    watched_.erase(watched_.begin(), end);
    if (!watched_.empty()) arm(watched_.begin()->first);
    TERRACE_ASSERT(watched_.empty() == (timer_ == 0));
  }
  for (const CallPtr& call : overdue) expire_(*call);
}

}  // namespace terrace::database
