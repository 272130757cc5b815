#pragma once
/// Clock: the only source of time. Lifetimes in this process use the monotonic reading; times in stored
/// entries use the wall reading. Tests pass a testing::FakeClock and never sleep.

#include <chrono>

namespace terrace {

using Duration = std::chrono::nanoseconds;
/// A point on the monotonic clock. It has no meaning outside this process.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// Milliseconds since the Unix epoch (UTC), for data that leaves the process.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A deadline that never passes.
inline constexpr TimePoint no_deadline = TimePoint::max();

/// Returns the time. Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Monotonic, nanosecond resolution.
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;

  /// Monotonic, on the same scale as now(), but cheaper and up to 4 ms behind it. For expiry checks.
  [[nodiscard]] virtual TimePoint coarse_now() const noexcept { return now(); }

  /// The wall clock, carried forward by the monotonic clock. It follows a step of the system's clock forward
  /// (NTP, an operator, a suspended machine), but none back: an entry that has expired in a tier never becomes
  /// valid again. Entries in memory live by now(), so no step reaches them.
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;
};

/// The machine's clock. One object, which lives as long as the process.
const Clock& system_clock() noexcept;

/// `from + d`, saturated at no_deadline.
[[nodiscard]] constexpr TimePoint after(TimePoint from, Duration d) noexcept {
  return from >= TimePoint{} && d >= no_deadline - from ? no_deadline : from + d;
}

}  // namespace terrace
