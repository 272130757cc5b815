#pragma once
/// AlertState: the state of a rule for one cache, as a state machine without I/O; time is a parameter. Not
/// thread safe.
///
///   quiet ── holds ──► pending ── has held for `lasting` ──► firing ── holds no more ──► quiet
///                         └───────── holds no more ────────────► quiet
///
/// Each way into and out of firing is reported once, and each `repeat` in between. A rule that cannot be
/// evaluated is broken; that is reported once until it works again. A firing alert continues to fire
/// meanwhile, because nothing better is known; a pending one begins again.

#include <optional>
#include <terrace/monitor.hpp>
#include <utility>
#include <vector>

namespace terrace::upkeep {

class AlertState {
 public:
  struct Terms {
    Duration lasting{};
    std::optional<Duration> repeat = {};
  };
  enum class Outcome : std::uint8_t { quiet, holds, broken };
  using Kind = AlertNotice::Kind;

  /// Returns the notifications to send, in order; at most two.
  std::vector<Kind> judge(const Terms& terms, Outcome outcome, TimePoint now) {
    std::vector<Kind> out;
    if (outcome == Outcome::broken) {
      if (!broken_) out.push_back(Kind::broken);
      broken_ = true;
      pending_ = false;
      return out;
    }
    if (std::exchange(broken_, false)) out.push_back(Kind::mended);
    if (outcome == Outcome::quiet) {
      pending_ = false;
      if (std::exchange(firing_, false)) out.push_back(Kind::recovered);
    } else if (!firing_) {
      if (!std::exchange(pending_, true)) pending_since_ = now;
      if (now - pending_since_ >= terms.lasting) {
        firing_ = true;
        told_ = now;
        out.push_back(Kind::fired);
      }
    } else if (terms.repeat && now - told_ >= *terms.repeat) {
      told_ = now;
      out.push_back(Kind::repeated);
    }
    return out;
  }

  [[nodiscard]] bool firing() const noexcept { return firing_; }
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  bool pending_ = false;
  TimePoint pending_since_{};
  bool firing_ = false;
  bool broken_ = false;
  TimePoint told_{};  // last time it fired or was repeated
};

}  // namespace terrace::upkeep
