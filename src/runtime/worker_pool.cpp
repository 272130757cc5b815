#include "runtime/worker_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace terrace::runtime {

/// Shared by the pool and its threads, so that one left behind still has it.
struct WorkerPool::State {
  explicit State(unsigned bound) : max_threads(bound) {}

  const unsigned max_threads;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Task> tasks;
  unsigned threads = 0;
  unsigned idle = 0;
  bool stopping = false;
  static inline thread_local const State* current = nullptr;

  void run() {
    current = this;
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      work.wait(lock, [this] { return stopping || !tasks.empty(); });
      --idle;
      if (stopping) break;
      Task task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what the task owns must not die under the lock
      lock.lock();
    }
    --threads;
    ended.notify_all();
  }
};

WorkerPool::WorkerPool(unsigned max_threads) : state_(std::make_shared<State>(max_threads)) {}

WorkerPool::~WorkerPool() {
  std::deque<Task> dropped;
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  dropped.swap(state_->tasks);
  state_->work.notify_all();
  state_->ended.wait_for(lock, grace, [this] { return state_->threads == 0; });
  lock.unlock();
}

bool WorkerPool::runs_here() const noexcept {
  return State::current == state_.get();
}

void WorkerPool::submit(Task task) {
  std::lock_guard lock(state_->mutex);
  if (state_->stopping) return;
  state_->tasks.push_back(std::move(task));
  if (state_->tasks.size() > state_->idle && state_->threads < state_->max_threads) {
    ++state_->threads;
    std::thread([state = state_] { state->run(); }).detach();
  } else {
    state_->work.notify_one();
  }
}

}  // namespace terrace::runtime
