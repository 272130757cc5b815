#pragma once
/// WorkerPool: threads for work that blocks. They start when a task finds no idle thread. A thread that has
/// had no work for a while ends.
///
/// Tasks of the kind `bounded` use at most a given number of threads at a time. The other kinds have no bound
/// here, because their callers have one: each cache limits its loads itself (max_concurrent_loads). So loads
/// of one cache that hang never keep the loads of another one from a thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <terrace/result.hpp>
#include <terrace/scheduler.hpp>

namespace terrace::runtime {

class WorkerPool {
 public:
  enum class Work : std::uint8_t {
    bounded,  ///< waits while max_threads threads run such tasks
    load,     ///< waits for a thread only if the system has no more
    nested,   ///< other tasks may be waiting for it, so it waits for no thread
  };

  /// Threads end when they have been idle for `idle_time`.
  explicit WorkerPool(unsigned max_threads, Duration idle_time = std::chrono::seconds(10));
  /// Drops queued tasks and waits `grace` for running ones. A thread that hangs longer is left behind,
  /// because nothing can end it; it touches nothing of the pool when it continues.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues the task; the queue has no bound. If the system has no thread, the task waits for one of the
  /// existing threads. Error: no thread exists, or the task is nested and none is idle. Then the task does
  /// not run, and belongs to the caller again. Thread safe.
  Result<void> submit(Task& task, Work work = Work::bounded);

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
