#include "cascade/tier_calls.hpp"

namespace terrace::cascade {

void TierCalls::watch(TimePoint given_up, std::shared_ptr<Watched> call) {
  std::lock_guard lock(mutex_);
  while (!watched_.empty() && watched_.front().second->answered) watched_.pop_front();
  watched_.emplace_back(given_up, std::move(call));
  if (!std::exchange(armed_, true)) arm(given_up);
}

void TierCalls::arm(TimePoint when) {
  scheduler_->call_at(when, [self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->expire();
  });
}

void TierCalls::expire() {
  std::vector<std::shared_ptr<Watched>> late;
  {
    std::lock_guard lock(mutex_);
    const TimePoint now = scheduler_->clock().now();
    while (!watched_.empty() && (watched_.front().second->answered || watched_.front().first <= now)) {
      if (!watched_.front().second->answered) late.push_back(std::move(watched_.front().second));
      watched_.pop_front();
    }
    armed_ = !watched_.empty();
    if (armed_) arm(watched_.front().first);
  }
  for (const auto& call : late) call->fail(Error(Errc::timed_out, "no answer within tier_timeout"));
}

}  // namespace terrace::cascade
