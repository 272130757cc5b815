#pragma once
/// LeaseWait: when to look again for a value that another process is loading. A state machine without I/O.
///
/// The watch wakes who waits; without one, or should it tell nothing, the wait ends by itself: when the
/// other's lease would lapse, and meanwhile at growing intervals.

#include <algorithm>
#include <optional>
#include <terrace/clock.hpp>

namespace terrace::cascade {

class LeaseWait {
 public:
  LeaseWait(TimePoint began, Duration limit) : give_up_(after(began, limit)) {}

  /// The lease was held once more; `watched`: a watch is alive and will wake us. When to look again at the
  /// latest; none: give up now.
  std::optional<TimePoint> next(TimePoint now, Duration held_for, bool watched) {
    if (now >= give_up_) return std::nullopt;
    Duration wait = std::max(held_for, shortest);
    if (!watched) wait = std::min(wait, std::min(longest_poll, shortest * (1 << std::min(polls_++, 8))));
    return std::min(after(now, wait), give_up_);
  }

 private:
  static constexpr Duration shortest = std::chrono::milliseconds(2);
  static constexpr Duration longest_poll = std::chrono::milliseconds(100);

  TimePoint give_up_;
  int polls_ = 0;
};

}  // namespace terrace::cascade
