#pragma once
/// Sweeping: has a function called at intervals by one thread that all caches of the process share. The
/// thread starts with the first that needs it and is joined when the last is destroyed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <terrace/clock.hpp>

namespace terrace::memory {

class Sweeper;

class Sweeping {
 public:
  /// `interval` is real time; 0: start() does nothing. `sweep` must not throw, nor destroy this.
  Sweeping(std::function<void()> sweep, Duration interval);
  /// Waits while `sweep` is running.
  ~Sweeping();
  Sweeping(const Sweeping&) = delete;
  Sweeping& operator=(const Sweeping&) = delete;

  /// Thread safe; does something only the first time. Where no thread can be had a later call tries again.
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
