#pragma once
/// Breaker: a circuit breaker as a state machine without I/O; time is a parameter. Not thread safe.
///
///   closed ── too many failures ──► open ── open_time over, begin_probe() ──► half-open ── enough probes ──► closed
///                                    ▲                                            │         have succeeded
///                                    └──────────────── a probe failed ────────────┘
///
/// Too many failures are failures_to_open in a row: the server is away. Or it is failures_to_open within the
/// last `window`, if they are a share of at least `open_share` of at least `least_calls` operations: the
/// server is ill (a brown-out), and each failure costs its caller the whole time limit. An ill server answers
/// most probes, too. So after the second kind the breaker closes only when `trial_probes` probes in a row have
/// succeeded, one after the other over a time of open_time.
///
/// A probe is not a caller's operation: callers pass only while the breaker is closed, so no caller pays for
/// the test. M. Nygard, "Release It!", 2007.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <terrace/clock.hpp>

#include "base/assert.hpp"

namespace terrace::redis {

class Breaker {
 public:
  static constexpr int window_seconds = 10;
  static constexpr Duration window = std::chrono::seconds(window_seconds);
  static constexpr std::uint32_t least_calls = 20;
  static constexpr double open_share = 0.15;
  static constexpr unsigned trial_probes = 20;

  Breaker(unsigned failures_to_open, Duration open_time) noexcept
      : failures_to_open_(failures_to_open), open_time_(open_time) {}

  enum class State { closed, open, half_open };
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::closed; }
  [[nodiscard]] std::uint64_t openings() const noexcept { return openings_; }

  /// Why it is not closed, for messages.
  [[nodiscard]] std::string why() const {
    if (opened_by_.calls == 0) {
      return std::to_string(failures_to_open_) + " operations in a row timed out";
    }
    return std::to_string(opened_by_.failures) + " of " + std::to_string(opened_by_.calls) +
           " operations within " + std::to_string(window_seconds) + " s timed out";
  }

  /// When the next probe is due; never, while the breaker is closed or a probe is out.
  [[nodiscard]] TimePoint probe_at() const noexcept {
    if (state_ == State::open) return after(since_, open_time_);
    return state_ == State::half_open && !probing_ ? after(since_, open_time_ / trial_probes) : no_deadline;
  }

  /// True: the caller must send a probe now, and report the result. Only one probe is out at a time.
  bool begin_probe(TimePoint now) noexcept {
    if (now < probe_at() || closed()) return false;
    if (state_ == State::open) probes_left_ = opened_by_.calls == 0 ? 1 : trial_probes;
    state_ = State::half_open;
    since_ = now;
    probing_ = true;
    return true;
  }

  void probe_succeeded() noexcept {
    check();
    if (!probing_) return;
    probing_ = false;
    if (--probes_left_ == 0) close();
  }
  void probe_failed(TimePoint now) noexcept {
    if (probing_) open(now);
  }
  /// The server has accepted another connection.
  void reconnected() noexcept {
    if (!closed()) close();
  }

  /// An operation succeeded. Operations sent before the breaker opened do not close it: only probes do.
  void on_success(TimePoint now) noexcept {
    if (!closed()) return;
    in_a_row_ = 0;
    ++bucket(now).calls;
  }
  void on_failure(TimePoint now) noexcept {
    check();
    if (!closed()) return;
    Bucket& current = bucket(now);
    ++current.calls;
    ++current.failures;
    if (++in_a_row_ >= failures_to_open_) {
      opened_by_ = {};
    } else if (const Bucket all = sum(now); !is_ill(all)) {
      return;
    } else {
      opened_by_ = all;
    }
    ++openings_;
    open(now);
    check();
  }

 private:
  /// The operations of one second.
  struct Bucket {
    std::int64_t second = -1;
    std::uint32_t calls = 0;
    std::uint32_t failures = 0;
  };

  static std::int64_t second_of(TimePoint time) noexcept {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  }
  Bucket& bucket(TimePoint now) noexcept {
    const std::int64_t second = second_of(now);
    Bucket& found = buckets_[static_cast<std::size_t>(second) % buckets_.size()];
    if (found.second != second) found = {.second = second};
    return found;
  }
  [[nodiscard]] Bucket sum(TimePoint now) const noexcept {
    const std::int64_t oldest = second_of(now) - window_seconds + 1;
    Bucket all;
    for (const Bucket& each : buckets_) {
      if (each.second < oldest) continue;
      all.calls += each.calls;
      all.failures += each.failures;
    }
    return all;
  }
  [[nodiscard]] bool is_ill(const Bucket& all) const noexcept {
    return all.calls >= least_calls && all.failures >= failures_to_open_ &&
           static_cast<double>(all.failures) >= open_share * static_cast<double>(all.calls);
  }

  void check() const noexcept {
    TERRACE_ASSERT(in_a_row_ == 0 || (closed() && in_a_row_ < failures_to_open_));
    TERRACE_ASSERT(closed() || openings_ > 0);
    TERRACE_ASSERT(!probing_ || (state_ == State::half_open && probes_left_ > 0));
  }
  void open(TimePoint now) noexcept {
    state_ = State::open;
    since_ = now;
    in_a_row_ = 0;
    probing_ = false;
  }
  void close() noexcept {
    state_ = State::closed;
    in_a_row_ = 0;
    probing_ = false;
    buckets_ = {};
  }

  unsigned failures_to_open_;
  Duration open_time_;
  State state_ = State::closed;
  unsigned in_a_row_ = 0;  // failures
  std::array<Bucket, window_seconds> buckets_ = {};
  Bucket opened_by_ = {};  // without calls: by failures in a row
  TimePoint since_{};      // open: it opened then; half-open: the last probe began then
  bool probing_ = false;   // a probe is out
  unsigned probes_left_ = 0;
  std::uint64_t openings_ = 0;
};

}  // namespace terrace::redis
