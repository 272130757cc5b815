#pragma once
/// PingProof: how PINGs prove that no push is missing. A server runs commands in turns and sends the pushes
/// of a turn at its end, so a PONG overtakes the pushes of its own turn. But a PING that is sent after the
/// PONG of the previous one arrived runs in a later turn, and its PONG comes after the pushes of the previous
/// turn. So it proves that every change from before the *previous* PING was sent has been reported.
///
/// A state machine without I/O: it gets the events, and answers with the next step. Not thread safe.

#include <algorithm>
#include <optional>
#include <terrace/clock.hpp>

#include "base/assert.hpp"

namespace terrace::redis {

class PingProof {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(200);
  /// If a PONG is awaited and nothing arrives for this long, the connection is dead.
  static constexpr Duration silence = std::chrono::milliseconds(500);

  explicit PingProof(TimePoint now) : next_ping_(now), heard_(now) {}

  enum class Step { wait, ping, dead };

  /// Call it at due(), or earlier. Step::ping: the caller sends one now.
  [[nodiscard]] Step at(TimePoint now) noexcept {
    if (now < due()) return Step::wait;
    if (owed_) return Step::dead;
    owed_ = now;
    return Step::ping;
  }
  [[nodiscard]] TimePoint due() const noexcept {
    return owed_ ? std::max(*owed_, heard_) + silence : next_ping_;
  }

  /// Something came, pushes included.
  void heard(TimePoint now) noexcept { heard_ = now; }

  /// The awaited PONG came: every change before the time returned has been reported.
  [[nodiscard]] std::optional<TimePoint> pong() noexcept {
    TERRACE_ASSERT(owed_);
    TERRACE_ASSERT(!answered_ || *answered_ < *owed_);  // the PINGs are sent one after the other
    const auto proven = answered_;
    next(owed_);
    return proven;
  }

  /// An error came instead (BUSY, LOADING). A server that is blocked answers without ending its turn, so this
  /// proves nothing, and the PONGs before it prove nothing either.
  void refused() noexcept { next(std::nullopt); }

 private:
  void next(std::optional<TimePoint> answered) noexcept {
    TERRACE_ASSERT(owed_);
    next_ping_ = *owed_ + interval;
    owed_.reset();
    answered_ = answered;
  }

  TimePoint next_ping_;
  TimePoint heard_;
  std::optional<TimePoint> owed_;      // when the PING was sent whose PONG has not come yet
  std::optional<TimePoint> answered_;  // when the PING before it was sent, whose PONG has come
};

}  // namespace terrace::redis
