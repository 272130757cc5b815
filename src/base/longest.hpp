#pragma once
/// Longest: the longest of some times.

#include <atomic>
#include <terrace/clock.hpp>

namespace terrace {

/// Thread safe.
class Longest {
 public:
  /// `least`: what it is before the first time, and at least.
  explicit Longest(Duration least = Duration::zero()) : longest_(least) {}

  void add(Duration time) noexcept {
    Duration longest = longest_.load(std::memory_order_relaxed);
    while (time > longest && !longest_.compare_exchange_weak(longest, time, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] Duration get() const noexcept { return longest_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Duration> longest_;
};

}  // namespace terrace
