#pragma once
/// LeaseWait: what a caller does that waits for the load of another process. A state machine without I/O.
///
/// The watch wakes a flight that waits. It also asks by itself: when the other process's lease would end,
/// and, if there is no watch, at growing intervals before that.
///
/// A process whose loader hangs renews its lease until load_timeout. The others do not wait so long: when
/// their patience with this holder is over, one of them takes the lease over, and the rest wait for that one.
/// A caller that still has to wait when all of load_timeout is over loads without a lease.
///
///     wait for a holder ──patience is over──► take_over ──another holder now──► wait for that one
///           │                                     └──the same one, or nobody knows──► load_alone
///           └──load_timeout is over──────────────────────────────────────────────────────┘

#include <algorithm>
#include <cstdint>
#include <optional>
#include <terrace/clock.hpp>
#include <terrace/shared_tier.hpp>

namespace terrace::cascade {

class LeaseWait {
 public:
  enum class Act : std::uint8_t { wait, take_over, load_alone };
  struct Next {
    Act act = Act::wait;
    TimePoint until = {};  ///< for Act::wait: the latest time to ask again
  };

  /// The patience of a process whose own loads have taken `longest` at most (zero: it does not know): ten
  /// times that, not less than `lease_time`; all of `limit` (load_timeout) if it does not know.
  static Duration patience(Duration longest, Duration lease_time, Duration limit) {
    if (longest == Duration::zero() || longest > limit / 10) return limit;
    return std::min(limit, std::max(lease_time, longest * 10));
  }

  LeaseWait(TimePoint began, Duration limit, Duration patience)
      : patience_(patience), give_up_(after(began, limit)), since_(began) {}

  /// The lease is still held, for `held_for`. `holder`: none if the tier cannot say. `watched`: a watch is
  /// alive and will wake the flight.
  Next next(TimePoint now, Duration held_for, const std::optional<LeaseToken>& holder, bool watched) {
    if (holder != holder_) {
      holder_ = holder;
      since_ = now;
      overtaking_ = false;
    }
    const TimePoint enough = after(since_, patience_);
    if (now >= enough && holder_ && !overtaking_) {
      overtaking_ = true;
      return {Act::take_over};
    }
    if (now >= std::min(enough, give_up_)) return {Act::load_alone};
    Duration wait = std::max(held_for, shortest);
    if (!watched) wait = std::min(wait, std::min(longest_poll, shortest * (1 << std::min(polls_++, 8))));
    return {Act::wait, std::min({after(now, wait), enough, give_up_})};
  }

  /// The holder that next() has seen last; none: the tier has not named one.
  [[nodiscard]] const std::optional<LeaseToken>& holder() const noexcept { return holder_; }

 private:
  static constexpr Duration shortest = std::chrono::milliseconds(2);
  static constexpr Duration longest_poll = std::chrono::milliseconds(100);

  const Duration patience_;
  const TimePoint give_up_;
  TimePoint since_;  // when it began to wait for this holder
  std::optional<LeaseToken> holder_;
  bool overtaking_ = false;
  int polls_ = 0;
};

}  // namespace terrace::cascade
