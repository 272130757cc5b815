#pragma once
/// WorkerPool: threads for work that blocks. They start when work finds none idle, up to a bound, and wait
/// for more until the pool ends.

#include <chrono>
#include <memory>
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

  /// Queues the task, without bound: who submits bounds it. Thread safe.
  void submit(Task task);

  /// True on one of this pool's threads.
  [[nodiscard]] bool runs_here() const noexcept;

  /// How long the destructor waits for running tasks.
  static constexpr std::chrono::seconds grace{5};

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace terrace::runtime
