#pragma once
/// Lateness: how late this machine is, as a thread finds that sleeps and looks at the time. A bound on what a
/// test measures holds on a machine that has nothing else to do; what was late meanwhile is taken off.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace terrace::testing {

class Lateness {
 public:
  using Clock = std::chrono::steady_clock;

  Lateness() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  /// The sum since then. Thread safe.
  [[nodiscard]] Clock::duration since(Clock::time_point begin) const {
    const std::lock_guard lock(mutex_);
    Clock::duration sum = beyond(pace, Clock::now() - woken_);
    for (auto at = late_.rbegin(); at != late_.rend() && at->first > begin; ++at) sum += at->second;
    return sum;
  }

 private:
  static constexpr Clock::duration pace = std::chrono::milliseconds(10);
  static constexpr Clock::duration usual = std::chrono::milliseconds(1);

  static Clock::duration beyond(Clock::duration asked, Clock::duration passed) {
    return passed > asked + usual ? passed - asked : Clock::duration::zero();
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      wake_.wait_for(lock, stop, pace, [] { return false; });
      const auto now = Clock::now();
      if (const auto late = beyond(pace, now - woken_); late > late.zero()) late_.emplace_back(now, late);
      woken_ = now;
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  Clock::time_point woken_ = Clock::now();
  std::vector<std::pair<Clock::time_point, Clock::duration>> late_;
  std::jthread thread_;
};

}  // namespace terrace::testing
