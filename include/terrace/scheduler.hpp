#pragma once
/// Scheduler: decides where and when work runs that is not the caller's. The logic of lookups knows only this
/// interface, so a test can run it on a virtual clock (testing::FakeScheduler).

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <terrace/clock.hpp>
#include <terrace/detail/unique_function.hpp>
#include <terrace/result.hpp>

namespace terrace {

using Task = UniqueFunction<void()>;

/// Opens once and stays open; a blocked caller waits for it (Scheduler::wait). Thread safe. The thread that
/// opens it may still be inside open() when the waiter continues, so both sides must share its ownership.
class Latch {
 public:
  /// Runs I/O on the waiting thread, and is notified from another thread that the latch has opened.
  class Waker {
   public:
    virtual void wake() noexcept = 0;

   protected:
    ~Waker() = default;
  };

  void open() noexcept {
    std::lock_guard lock(mutex_);
    open_.store(true, std::memory_order_release);
    opened_.notify_all();
    if (waker_ != nullptr) waker_->wake();
  }
  [[nodiscard]] bool is_open() const noexcept { return open_.load(std::memory_order_acquire); }

  /// Blocks this thread; returns false if the deadline passed first.
  bool wait_until(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    const auto opened = [this] { return is_open(); };
    if (deadline == no_deadline) return opened_.wait(lock, opened), true;
    return opened_.wait_until(lock, deadline, opened);
  }

  /// From now on open() also wakes this one; nullptr: none. When this returns, the former waker is not in
  /// use.
  void set_waker(Waker* waker) noexcept {
    std::lock_guard lock(mutex_);
    waker_ = waker;
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  std::atomic<bool> open_{false};
  Waker* waker_ = nullptr;
};

/// Runs tasks. Thread safe. Tasks must not throw.
class Scheduler {
 public:
  /// Names a timer; 0 is none.
  using TimerId = std::uint64_t;

  virtual ~Scheduler() = default;

  /// The clock that timers use.
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;

  /// Runs the task soon on the I/O thread, never inside this call. The task must not block.
  virtual void post(Task task) = 0;

  /// Runs the task soon on a worker thread, where it may block (a loader, a file).
  virtual void post_blocking(Task task) = 0;

  /// Runs the task on the I/O thread at the given time.
  virtual TimerId call_at(TimePoint when, Task task) = 0;

  /// True: the task will not run. False: it has run, is running, or was cancelled before.
  virtual bool cancel(TimerId timer) = 0;

  /// Blocks until the latch is open (true) or the deadline has passed (false). The calling thread may run
  /// other tasks of this scheduler meanwhile, so it must not hold a lock.
  virtual bool wait(Latch& latch, TimePoint deadline) = 0;

  /// True on a thread that is running one of this scheduler's I/O tasks and therefore must not block.
  [[nodiscard]] virtual bool on_io_thread() const noexcept = 0;

  /// Like post_blocking, for a loader. `nested`: tasks on worker threads may be waiting for this one, so it
  /// must not wait for one of those threads. Error (overloaded): no thread is available, and the task will
  /// not run.
  virtual Result<void> post_load(Task task, bool nested) {
    static_cast<void>(nested);
    post_blocking(std::move(task));
    return {};
  }
};

}  // namespace terrace
