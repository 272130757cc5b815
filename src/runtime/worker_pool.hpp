#pragma once
/// WorkerPool: threads for work that blocks. They start when a task finds no idle thread, up to a bound, and
/// wait for more work until the pool ends.
///
/// Urgent work is not bounded: bounded threads may be waiting for it, so it never waits for them. Threads
/// started beyond the bound end when there is no work for them.

#include <chrono>
#include <memory>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

namespace terrace::runtime {

class WorkerPool {
 public:
  explicit WorkerPool(unsigned max_threads);
  /// Drops queued tasks and waits `grace` for running ones. A thread that hangs longer is left behind,
  /// because nothing can end it; it touches nothing of the pool when it continues.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues the task, without a bound: the caller must limit the number of tasks. If the system has no
  /// thread, the task waits for one of the existing threads. Error: no thread exists, or the task is urgent
  /// and none is idle. Then the task does not run, and belongs to the caller again. Thread safe.
  Result<void> submit(Task& task, bool urgent = false);

  /// True on one of this pool's threads.
  [[nodiscard]] bool runs_here() const noexcept;

  /// The present number of threads.
  [[nodiscard]] unsigned threads() const;

  /// How long the destructor waits for running tasks.
  static constexpr std::chrono::seconds grace{5};

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace terrace::runtime
