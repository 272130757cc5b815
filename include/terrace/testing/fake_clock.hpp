#pragma once
/// FakeClock and FakeScheduler: time that moves only when a test says so.

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <utility>

namespace terrace::testing {

/// A clock that stands still until it is advanced. Starts at an arbitrary, fixed time. Thread safe.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return TimePoint{Duration{elapsed_.load()}}; }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    const std::chrono::milliseconds since{wall_offset_ms_.load() + elapsed_.load() / 1'000'000};
    return WallTime{since};
  }

  /// Moves both readings forward. FakeScheduler::advance() also runs the timers that became due.
  void advance(Duration by) noexcept { elapsed_ += by.count(); }

  /// Moves only the wall reading, forward or back, like `date -s` of an operator.
  void step_wall(std::chrono::milliseconds by) noexcept { wall_offset_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> elapsed_{1'000'000'000'000};
  std::atomic<std::int64_t> wall_offset_ms_{1'700'000'000'000};
};

/// A scheduler on a FakeClock. Nothing runs by itself: run_ready() and advance() run tasks in the calling
/// thread, in the order they were posted. Blocking tasks run there too, after the others. Posting is thread
/// safe; running is for one thread at a time.
class FakeScheduler final : public Scheduler {
 public:
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  [[nodiscard]] FakeClock& fake_clock() noexcept { return clock_; }

  void post(Task task) override;
  void post_blocking(Task task) override;
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) override;

  /// Runs the ready tasks and, while the latch stays closed, moves the clock to the next timer and runs that.
  /// False: the deadline came first, or nothing is left that could open the latch.
  bool wait(Latch& latch, TimePoint deadline) override;
  [[nodiscard]] bool on_io_thread() const noexcept override { return running_io_; }

  /// Runs posted tasks, and those they post, until none is left. Returns how many ran.
  std::size_t run_ready();

  /// Moves the clock forward; stops at each timer on the way and runs it.
  void advance(Duration by);

  /// Timers that have neither run nor been cancelled.
  [[nodiscard]] std::size_t pending_timers() const;

 private:
  bool run_one();
  bool fire_next_timer(TimePoint limit);

  FakeClock clock_;
  mutable std::mutex mutex_;
  std::deque<Task> ready_;
  std::deque<Task> blocking_;
  std::map<std::pair<TimePoint, TimerId>, Task> timers_;
  std::map<TimerId, TimePoint> due_;
  TimerId last_timer_ = 0;
  bool running_io_ = false;
};

}  // namespace terrace::testing
