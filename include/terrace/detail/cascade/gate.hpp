#pragma once
/// Gate: the staleness check, which decides whether memory may serve an entry (coherence rule "Staleness
/// check" of docs/reliability.md). A state machine without I/O.
///
/// Memory is behind the shared tier by no more than the bound Δ (max_staleness). This holds in one of two
/// ways: the entry was itself read less than Δ ago; or it has been watched since it was read, and the watch
/// has reported every change up to a time less than Δ ago. So if a watch breaks or falls silent, the gate is
/// shut within Δ. An entry that is read while it is shut still serves for Δ.
///
/// States of each watch (an entry that was read less than Δ ago is served in each of them):
///
///     lost ──on_watching──► alive, nothing proven ──on_proven──► alive, proven up to a time ──on_proven──► …
///      ▲                            │                                      │
///      └──────────on_lost───────────┴───────────────on_lost────────────────┘
///
/// Without watches (consistency weak, or no shared tier) the gate is always open. With consistency strong
/// over tiers it is always shut, and every read asks the tiers.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::cascade {

/// The time since which every shared tier is watched, and the time until which memory may rely on that. Set
/// by one thread at a time, read by any. The writer stores `since` first and `until` second, so a reader must
/// load `until` first and `since` second: a watch may be lost and regained between the two loads, and in the
/// other order the reader would take a proof of the later watch for a proof of the earlier one.
template <template <class> class Atomic = std::atomic>
class Watching {
 public:
  void set(TimePoint since, TimePoint until) noexcept {
    since_ = since;
    until_ = until;
  }

  /// An entry that was read at `as_of` may be served at `now`.
  [[nodiscard]] bool covers(TimePoint as_of, TimePoint now) const noexcept {
    return now <= until_.load() && as_of > since_.load();
  }
  /// The time until which memory may rely on it; none: not every shared tier is watched at `now`.
  [[nodiscard]] std::optional<TimePoint> until(TimePoint now) const noexcept {
    const TimePoint until = until_.load();
    if (now > until || now < since_.load()) return std::nullopt;
    return until;
  }

 protected:
  Atomic<TimePoint> since_{TimePoint::min()};
  Atomic<TimePoint> until_{no_deadline};
};

/// Events may come on any thread; readers take no lock.
class Gate {
 public:
  /// `bound`: Δ. The clock of the readers may be behind by `coarseness`.
  explicit Gate(Duration bound) : bound_(bound - coarseness) {}

  static constexpr Duration coarseness = std::chrono::milliseconds(5);

  /// Never open from now on: every read asks the tiers. To be called before the first reader.
  void shut() noexcept { guarded_ = shut_ = true; }

  /// Adds a watch that must be alive. To be called before the first reader.
  std::size_t add_watch() {
    watches_.emplace_back();
    guarded_ = true;
    update();
    return watches_.size() - 1;
  }

  [[nodiscard]] bool guarded() const noexcept { return guarded_; }

  [[nodiscard]] bool open(TimePoint as_of, bool watched, TimePoint now) const noexcept {
    if (!guarded_) return true;
    if (shut_) return false;
    if (now - as_of <= bound_) return true;
    return watched && watching_.covers(as_of, now);
  }

  /// Every watch is alive and proven now.
  [[nodiscard]] bool watching(TimePoint now) const noexcept { return watching_.until(now).has_value(); }

  /// There is a watch, whether it is alive or not.
  [[nodiscard]] bool has_watches() const noexcept { return guarded_ && !shut_; }

  /// How far memory may be behind now: the age of the oldest proof; none: a watch is not alive.
  [[nodiscard]] std::optional<Duration> staleness(TimePoint now) const noexcept {
    const std::optional<TimePoint> until = watching_.until(now);
    if (!until) return std::nullopt;
    return *until == no_deadline ? Duration::zero() : std::max(Duration::zero(), now - (*until - bound_));
  }

  void on_watching(std::size_t watch, TimePoint since) {
    std::lock_guard lock(mutex_);
    watches_[watch] = {since, TimePoint::min()};
    update();
  }
  void on_proven(std::size_t watch, TimePoint until) {
    std::lock_guard lock(mutex_);
    watches_[watch].proven = std::max(watches_[watch].proven, until);
    update();
  }
  void on_lost(std::size_t watch) {
    std::lock_guard lock(mutex_);
    watches_[watch] = {};
    update();
  }

 private:
  struct Watch {
    TimePoint since = no_deadline;
    TimePoint proven = TimePoint::min();
  };

  void update() {
    TimePoint since = TimePoint::min();
    TimePoint proven = no_deadline;
    for (const Watch& watch : watches_) {
      since = std::max(since, watch.since);
      proven = std::min(proven, watch.proven);
    }
    watching_.set(since, proven == TimePoint::min() ? proven : after(proven, bound_));
  }

  const Duration bound_;
  bool guarded_ = false;
  bool shut_ = false;
  std::mutex mutex_;
  std::vector<Watch> watches_;
  Watching<> watching_;
};

}  // namespace terrace::cascade
