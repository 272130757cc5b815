#pragma once
/// Sweeping: calls a function at intervals, on one thread that all caches of the process share. The thread
/// starts with the first user and is joined when the last one is destroyed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <terrace/clock.hpp>

namespace terrace::memory {

class Sweeper;

class Sweeping {
 public:
  /// `interval` is real time; 0: start() does nothing. `sweep` must neither throw nor destroy this object.
  Sweeping(std::function<void()> sweep, Duration interval);
  /// Waits while `sweep` is running.
  ~Sweeping();
  Sweeping(const Sweeping&) = delete;
  Sweeping& operator=(const Sweeping&) = delete;

  /// Thread safe; has an effect only the first time. If no thread is available, a later call tries again.
  void start() {
    if (!started_.load(std::memory_order_acquire)) start_now();
  }

 private:
  void start_now();

  std::function<void()> sweep_;
  Duration interval_;
  std::atomic<bool> started_;
  std::uint64_t id_ = 0;
  std::shared_ptr<Sweeper> sweeper_;
};

}  // namespace terrace::memory
