#pragma once
/// Window: the counters of a cache over the last minute or so, out of a ring of samples of its totals. Not
/// thread safe; time is handed in.

#include <deque>
#include <terrace/monitor.hpp>

namespace terrace::upkeep {

class Window {
 public:
  /// Samples come about each `interval`; one that comes sooner takes the place of the one before, so that
  /// there are few however often somebody looks.
  Window(Duration length, Duration interval) : length_(length), interval_(interval) {}

  /// Totals that went backwards are those of a cache made anew: it begins at zero.
  void add(TimePoint at, CacheStats totals);

  /// What was counted from the newest sample that is `length` old, or the oldest there is, till now. At least
  /// one must have been added.
  [[nodiscard]] WindowStats look(TimePoint at, CacheStats totals) const;

  /// The newest sample: when it was taken, and what had been counted by then. As for look(), one must be
  /// there.
  [[nodiscard]] TimePoint sampled() const noexcept { return samples_.back().at; }
  [[nodiscard]] WindowStats look_at_sample() const {
    return look(samples_.back().at, samples_.back().totals);
  }

  /// How many samples are kept.
  [[nodiscard]] std::size_t size() const noexcept { return samples_.size(); }

 private:
  struct Sample {
    TimePoint at;
    CacheStats totals;
  };

  Duration length_;
  Duration interval_;
  std::deque<Sample> samples_;
};

}  // namespace terrace::upkeep
