#pragma once
/// LeaseWait: when to ask again for a value that another process is loading. A state machine without I/O.
///
/// The watch wakes a flight that waits. It also asks by itself: when the other process's lease would end,
/// and, if there is no watch, at growing intervals before that.

#include <algorithm>
#include <optional>
#include <terrace/clock.hpp>

namespace terrace::cascade {

class LeaseWait {
 public:
  LeaseWait(TimePoint began, Duration limit) : give_up_(after(began, limit)) {}

  /// The lease is still held, for `held_for`. `watched`: a watch is alive and will wake the flight. Returns
  /// the latest time to ask again; none: give up now.
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
