#pragma once
/// StoreClock: the difference of the clock of a server and the monotonic clock of this process. Processes whose
/// own clocks differ agree about the age of an entry by the clock of the server that they share.
///
/// A server clock that stood still (a paused machine) or was set back would make old entries young. So such a
/// fall is undone here: this process goes on with the time that it knew. A process that asks for the first time
/// after the fall cannot know of it.

#include <algorithm>
#include <atomic>
#include <optional>
#include <terrace/clock.hpp>

namespace terrace::redis {

/// told() from one thread; offset() from any.
class StoreClock {
 public:
  using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;

  /// The server said `server` at some time between `asked` and `answered`.
  void told(SystemTime server, TimePoint asked, TimePoint answered) noexcept {
    if (answered - asked > longest_answer) return;  // says too little
    const TimePoint middle = asked + (answered - asked) / 2;
    const Duration ahead = server.time_since_epoch() - middle.time_since_epoch();
    if (last_) {
      const Duration fall = *last_ - ahead;
      if (fall > step) undone_ += fall;
      if (fall < -step) undone_ = std::max(Duration::zero(), undone_ + fall);
    }
    last_ = ahead;
    offset_.store(ahead + undone_, std::memory_order_relaxed);
  }

  /// Tier::clock_offset; none: the server has not said.
  [[nodiscard]] std::optional<Duration> offset() const noexcept {
    const Duration known = offset_.load(std::memory_order_relaxed);
    return known == Duration::min() ? std::nullopt : std::optional(known);
  }

  /// An answer that took longer is not used.
  static constexpr Duration longest_answer = std::chrono::milliseconds(200);
  /// A clock that is slewed, or asked through a slow network, differs by less.
  static constexpr Duration step = std::chrono::seconds(1);

 private:
  std::optional<Duration> last_;
  Duration undone_{};
  std::atomic<Duration> offset_{Duration::min()};
};

}  // namespace terrace::redis
