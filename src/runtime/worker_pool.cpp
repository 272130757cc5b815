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
  explicit State(unsigned bound) : max_threads(bound) {}

  const unsigned max_threads;
  mutable std::mutex mutex;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Task> urgent;
  std::deque<Task> tasks;
  unsigned threads = 0;
  unsigned starting = 0;  // started, and not yet looking for work
  unsigned idle = 0;
  unsigned bounded = 0;  // threads that run a task that is not urgent; at most max_threads
  bool stopping = false;
  static inline thread_local const State* current = nullptr;

  /// The number of tasks that may run as soon as there is a thread for them.
  [[nodiscard]] std::size_t runnable() const noexcept {
    TERRACE_ASSERT(bounded <= max_threads);
    return urgent.size() + std::min<std::size_t>(tasks.size(), max_threads - bounded);
  }

  void run() {
    current = this;
    std::unique_lock lock(mutex);
    TERRACE_ASSERT(starting > 0 && starting <= threads);
    --starting;
    while (true) {
      if (runnable() == 0 && threads > max_threads) break;
      ++idle;
      TERRACE_ASSERT(idle + starting <= threads);
      work.wait(lock, [this] { return stopping || runnable() > 0; });
      --idle;
      if (stopping) break;
      const bool counts = urgent.empty();
      if (counts) ++bounded;
      auto& queue = counts ? tasks : urgent;
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

WorkerPool::WorkerPool(unsigned max_threads) : state_(std::make_shared<State>(max_threads)) {}

WorkerPool::~WorkerPool() {
  std::deque<Task> dropped;
  std::deque<Task> dropped_urgent;
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  dropped.swap(state_->tasks);
  dropped_urgent.swap(state_->urgent);
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

Result<void> WorkerPool::submit(Task& task, bool urgent) {
  State& state = *state_;
  Task dropped;  // destroyed after the lock is released
  std::lock_guard lock(state.mutex);
  if (state.stopping) {
    dropped = std::move(task);
    return {};
  }
  auto& queue = urgent ? state.urgent : state.tasks;
  queue.push_back(std::move(task));
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
  const bool hopeless = urgent ? state.urgent.size() > state.idle + state.starting : state.threads == 0;
  if (!hopeless) {
    state.work.notify_one();
    return {};
  }
  task = std::move(queue.back());
  queue.pop_back();
  return thread.error();
}

}  // namespace terrace::runtime
