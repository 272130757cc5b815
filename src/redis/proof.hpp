#pragma once
/// Proof: how PINGs prove that pushes are not missing. A server runs commands in turns and sends the pushes
/// of a turn at its end, so a PONG overtakes the pushes of its own turn. But a PING that is sent after the
/// PONG of the former one arrived runs in a later turn, and its PONG comes behind the pushes of the former's:
/// it proves that everything changed before the *former* PING was sent has been told.
///
/// A state machine without I/O: told what happens, it says what to do. Not thread safe.

#include <algorithm>
#include <optional>
#include <terrace/clock.hpp>

#include "base/assert.hpp"

namespace terrace::redis {

class Proof {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(200);
  /// With a PONG owed and nothing heard for this long the connection is dead.
  static constexpr Duration silence = std::chrono::milliseconds(500);

  explicit Proof(TimePoint now) : next_ping_(now), heard_(now) {}

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

  /// Anything came, pushes included.
  void heard(TimePoint now) noexcept { heard_ = now; }

  /// The PONG that is owed came: everything before the time returned has been told.
  [[nodiscard]] std::optional<TimePoint> pong() noexcept {
    TERRACE_ASSERT(owed_);
    TERRACE_ASSERT(!answered_ || *answered_ < *owed_);  // the PINGs are sent one after the other
    const auto proven = answered_;
    next(owed_);
    return proven;
  }

  /// An error came instead (BUSY, LOADING). A server that is held up answers without ending its turn: this
  /// proves nothing, nor do the PONGs before it.
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
  std::optional<TimePoint> owed_;      // when the PING was sent whose PONG has not come
  std::optional<TimePoint> answered_;  // when the one before it was sent, whose PONG has
};

}  // namespace terrace::redis
