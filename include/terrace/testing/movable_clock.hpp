#pragma once
/// MovableClock and MovableScheduler: real time that a test can also move forward. For programs on real
/// threads; on a FakeScheduler nothing runs by itself.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <terrace/scheduler.hpp>

namespace terrace::testing {

/// The machine's clock, plus the time by which it was moved. Thread safe.
class MovableClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return system_clock().now() + moved(); }
  [[nodiscard]] TimePoint coarse_now() const noexcept override {
    return system_clock().coarse_now() + moved();
  }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return system_clock().wall_now() + std::chrono::floor<std::chrono::milliseconds>(moved());
  }

  [[nodiscard]] Duration moved() const noexcept { return Duration{moved_.load(std::memory_order_acquire)}; }
  /// Moves forward. Timers are notified only by MovableScheduler::advance().
  void move(Duration by) noexcept { moved_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<Duration::rep> moved_{0};
};

/// Wraps another scheduler; its timers use a MovableClock. Thread safe.
class MovableScheduler final : public Scheduler, public std::enable_shared_from_this<MovableScheduler> {
 public:
  MovableScheduler(std::shared_ptr<Scheduler> below, std::shared_ptr<MovableClock> clock)
      : below_(std::move(below)), clock_(std::move(clock)) {}

  /// Moves the clock forward. Timers that are then due run soon, on the I/O thread.
  void advance(Duration by);

  [[nodiscard]] const Clock& clock() const noexcept override { return *clock_; }
  void post(Task task) override { below_->post(std::move(task)); }
  void post_blocking(Task task) override { below_->post_blocking(std::move(task)); }
  Result<void> post_load(Task task, bool nested) override {
    return below_->post_load(std::move(task), nested);
  }
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) override;
  bool wait(Latch& latch, TimePoint deadline) override { return below_->wait(latch, there(deadline)); }
  [[nodiscard]] bool on_io_thread() const noexcept override { return below_->on_io_thread(); }

 private:
  struct Timer {
    TimePoint when;
    Task task;
    TimerId below = 0;
    unsigned round = 0;  ///< how often it was set
  };

  /// A time of this clock as a time of the scheduler below.
  [[nodiscard]] TimePoint there(TimePoint when) const noexcept {
    return when == no_deadline ? when : when - clock_->moved();
  }
  void set(TimerId id, Timer& timer);
  void fire(TimerId id, unsigned round);

  const std::shared_ptr<Scheduler> below_;
  const std::shared_ptr<MovableClock> clock_;
  std::mutex mutex_;
  std::map<TimerId, Timer> timers_;
  TimerId last_ = 0;
};

}  // namespace terrace::testing
