#include "runtime/worker_pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/assert.hpp"
#include "base/threads.hpp"

namespace terrace::runtime {

/// Shared by the pool and its threads, so that a thread that is left behind still has it.
struct WorkerPool::State {
  State(unsigned bound, Duration idle_limit) : max_threads(bound), idle_time(idle_limit) {}

  const unsigned max_threads;
  const Duration idle_time;
  mutable std::mutex mutex;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Task> unbounded;  // nested ones first
  std::deque<Task> tasks;
  unsigned threads = 0;
  unsigned starting = 0;  // started, and not yet looking for work
  unsigned idle = 0;
  unsigned bounded = 0;  // threads that run a bounded task; at most max_threads
  bool stopping = false;
  static inline thread_local const State* current = nullptr;

  /// The number of tasks that may run as soon as there is a thread for them.
  [[nodiscard]] std::size_t runnable() const noexcept {
    TERRACE_ASSERT(bounded <= max_threads);
    return unbounded.size() + std::min<std::size_t>(tasks.size(), max_threads - bounded);
  }

  void run() {
    current = this;
    std::unique_lock lock(mutex);
    TERRACE_ASSERT(starting > 0 && starting <= threads);
    --starting;
    while (true) {
      ++idle;
      TERRACE_ASSERT(idle + starting <= threads);
      const bool found = work.wait_for(lock, idle_time, [this] { return stopping || runnable() > 0; });
      --idle;
      if (stopping || !found) break;
      const bool counts = unbounded.empty();
      if (counts) ++bounded;
      auto& queue = counts ? tasks : unbounded;
      TERRACE_ASSERT(!queue.empty());
      Task task = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // the task's data must not be destroyed under the lock
      lock.lock();
      TERRACE_ASSERT(!counts || bounded > 0);
      if (counts) --bounded;
    }
    --threads;
    ended.notify_all();
  }
};

WorkerPool::WorkerPool(unsigned max_threads, Duration idle_time)
    : state_(std::make_shared<State>(max_threads, idle_time)) {}

WorkerPool::~WorkerPool() {
  std::deque<Task> dropped;
  std::deque<Task> dropped_unbounded;
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  dropped.swap(state_->tasks);
  dropped_unbounded.swap(state_->unbounded);
  state_->work.notify_all();
  state_->ended.wait_for(lock, grace, [this] { return state_->threads == 0; });
  lock.unlock();
}

bool WorkerPool::runs_here() const noexcept {
  return State::current == state_.get();
}

unsigned WorkerPool::threads() const {
  std::lock_guard lock(state_->mutex);
  return state_->threads;
}

Result<void> WorkerPool::submit(Task& task, Work work) {
  State& state = *state_;
  Task dropped;  // destroyed after the lock is released
  std::lock_guard lock(state.mutex);
  if (state.stopping) {
    dropped = std::move(task);
    return {};
  }
  const bool nested = work == Work::nested;
  auto& queue = work == Work::bounded ? state.tasks : state.unbounded;
  const auto place = queue.insert(nested ? queue.begin() : queue.end(), std::move(task));
  if (state.runnable() <= state.idle + state.starting) {
    state.work.notify_one();
    return {};
  }
  auto thread = try_thread("a worker", [held = state_] { held->run(); });
  if (thread) {
    ++state.threads;
    ++state.starting;
    thread->detach();
    return {};
  }
  const bool hopeless = nested ? state.idle + state.starting == 0 : state.threads == 0;
  if (!hopeless) {
    state.work.notify_one();
    return {};
  }
  task = std::move(*place);
  queue.erase(place);
  return thread.error();
}

}  // namespace terrace::runtime
