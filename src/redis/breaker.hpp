#pragma once
/// Breaker: a circuit breaker as a state machine without I/O; time is a parameter. Not thread safe.
///
///   closed ── failures_to_open failures in a row ──► open ── open_time over, begin_probe() ──► half-open
///     ▲                                               ▲                                          │  │
///     └───────────────────────── probe succeeded ─────┼──────────────────────────────────────────┘  │
///                                                     └──────────────── probe failed ───────────────┘
///
/// The probe is not a caller's operation: callers pass only while the breaker is closed, so no caller pays
/// for the test. M. Nygard, "Release It!", 2007.

#include <cstdint>
#include <terrace/clock.hpp>

#include "base/assert.hpp"

namespace terrace::redis {

class Breaker {
 public:
  Breaker(unsigned failures_to_open, Duration open_time) noexcept
      : failures_to_open_(failures_to_open), open_time_(open_time) {}

  enum class State { closed, open, half_open };
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::closed; }
  [[nodiscard]] std::uint64_t openings() const noexcept { return openings_; }

  /// When an open breaker needs its probe; never, unless it is open.
  [[nodiscard]] TimePoint probe_at() const noexcept {
    return state_ == State::open ? after(opened_at_, open_time_) : no_deadline;
  }

  /// True: the caller must send the probe now, and report the result. Only one probe is out at a time.
  bool begin_probe(TimePoint now) noexcept {
    if (now < probe_at() || state_ != State::open) return false;
    state_ = State::half_open;
    return true;
  }

  void probe_succeeded() noexcept {
    check();
    state_ = State::closed;
    failures_ = 0;
  }
  void probe_failed(TimePoint now) noexcept {
    if (state_ == State::half_open) open(now);
  }

  /// An operation succeeded. Operations sent before the breaker opened do not close it: only a probe does.
  void on_success() noexcept {
    if (closed()) failures_ = 0;
  }
  void on_failure(TimePoint now) noexcept {
    check();
    if (closed() && ++failures_ >= failures_to_open_) {
      ++openings_;
      open(now);
    }
    check();
  }

 private:
  void check() const noexcept {
    TERRACE_ASSERT(failures_ == 0 || (closed() && failures_ < failures_to_open_));
    TERRACE_ASSERT(closed() || openings_ > 0);
  }
  void open(TimePoint now) noexcept {
    state_ = State::open;
    opened_at_ = now;
    failures_ = 0;
  }

  unsigned failures_to_open_;
  Duration open_time_;
  State state_ = State::closed;
  unsigned failures_ = 0;
  TimePoint opened_at_{};
  std::uint64_t openings_ = 0;
};

}  // namespace terrace::redis
