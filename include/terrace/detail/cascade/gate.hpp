#pragma once
/// Gate: whether memory may serve what it holds (coherence rule 4 of docs/reliability.md). A state machine
/// without I/O.
///
/// Memory is behind the shared tier by no more than the bound Δ, in one of two ways: the entry was itself
/// read less than Δ ago; or it has been watched since it was read, and the watch told everything up to less
/// than Δ ago. So a watch that breaks or falls silent shuts the gate within Δ, and entries read meanwhile
/// still serve for Δ.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::cascade {

/// Since when everything is watched, and until when memory may rely on it. Set by one thread at a time, read
/// by any. The writer goes from `since` to `until`, so a reader must go from `until` to `since`: a watch may
/// be lost and regained between its two loads, and then it would take a proof of the later watch for one of
/// the earlier.
template <template <class> class Atomic = std::atomic>
class Watching {
 public:
  void set(TimePoint since, TimePoint until) noexcept {
    since_ = since;
    until_ = until;
  }

  /// What was read at `as_of` may be served at `now`.
  [[nodiscard]] bool covers(TimePoint as_of, TimePoint now) const noexcept {
    return now <= until_.load() && as_of > since_.load();
  }
  /// Until when, if everything is watched at `now`.
  [[nodiscard]] std::optional<TimePoint> until(TimePoint now) const noexcept {
    const TimePoint until = until_.load();
    if (now > until || now < since_.load()) return std::nullopt;
    return until;
  }

 protected:
  Atomic<TimePoint> since_{TimePoint::min()};
  Atomic<TimePoint> until_{no_deadline};
};

/// Events are for any thread; reading is without locks.
class Gate {
 public:
  /// The readers' clock may be behind by `coarseness`.
  explicit Gate(Duration bound) : bound_(bound - coarseness) {}

  static constexpr Duration coarseness = std::chrono::milliseconds(5);

  /// Never open again: every read asks the tiers. Before the first reader.
  void shut() noexcept { guarded_ = shut_ = true; }

  /// One more watch that must be alive. Before the first reader.
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

  /// Every watch is alive now.
  [[nodiscard]] bool watching(TimePoint now) const noexcept { return watching_.until(now).has_value(); }

  /// There is something to watch, dead or alive.
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
