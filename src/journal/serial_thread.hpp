#pragma once
/// SerialThread: one thread that runs tasks in order. For work that must not wait behind other work of a
/// pool.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <terrace/scheduler.hpp>
#include <thread>

#include "base/threads.hpp"

namespace terrace::journal {

/// Thread safe. The destructor waits until all tasks given before have run.
class SerialThread {
 public:
  ~SerialThread() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void run(Task task) {
    {
      std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool ended_ = false;
  std::thread thread_ = start_thread("the journal", [this] { loop(); });  // last: runs as soon as it is
                                                                          // constructed
};

}  // namespace terrace::journal
