#pragma once
/// ForwardWall: the wall clock of a process. It is carried on by the monotonic clock. A step of the system's
/// clock forward is followed (NTP has set the clock of a machine that began with a wrong one; the machine was
/// suspended); a step back is not: an entry that has expired never becomes fresh again.

#include "base/longest.hpp"

namespace terrace {

/// Thread safe.
class ForwardWall {
 public:
  /// The time at `later`. `real`: the system's clock, read before `later`.
  [[nodiscard]] WallTime at(std::chrono::sys_time<Duration> real, TimePoint later) noexcept {
    // A thread may lose the processor between both readings: then this is less than the truth, never more.
    ahead_.add(real.time_since_epoch() - later.time_since_epoch());
    return std::chrono::floor<std::chrono::milliseconds>(
        std::chrono::sys_time<Duration>(later.time_since_epoch() + ahead_.get()));
  }

 private:
  Longest ahead_{Duration::min()};  // of the monotonic clock
};

}  // namespace terrace
