#pragma once
/// WorkerPool: threads for work that blocks. They start when work finds none idle, up to a bound, and wait
/// for more until the pool ends.
///
/// Urgent work is not bounded: threads of the bound may be waiting for it, so it never waits for them. What
/// was started beyond the bound ends when there is no work for it.

#include <chrono>
#include <memory>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

namespace terrace::runtime {

class WorkerPool {
 public:
  explicit WorkerPool(unsigned max_threads);
  /// Drops queued tasks and waits `grace` for the running ones; a thread that hangs longer is left behind,
  /// since nothing can end it, and touches nothing of the pool when it comes back.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues the task, without bound: who submits bounds it. Where the system gives no thread the task waits
  /// for one of those that live; the error is for when there is none, or the task is urgent and none is idle.
  /// Then it does not run, and is the caller's again. Thread safe.
  Result<void> submit(Task& task, bool urgent = false);

  /// True on one of this pool's threads.
  [[nodiscard]] bool runs_here() const noexcept;

  /// Threads there are now.
  [[nodiscard]] unsigned threads() const;

  /// How long the destructor waits for running tasks.
  static constexpr std::chrono::seconds grace{5};

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace terrace::runtime
