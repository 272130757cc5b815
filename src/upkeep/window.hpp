#pragma once
/// Window: the counters of a cache over the last minute or so, computed from a ring of samples of its totals.
/// Not thread safe; time is a parameter.

#include <deque>
#include <terrace/monitor.hpp>

namespace terrace::upkeep {

class Window {
 public:
  /// Samples come about each `interval`; one that comes sooner replaces the one before, so that there are
  /// few, however often look() is called.
  Window(Duration length, Duration interval) : length_(length), interval_(interval) {}

  /// If totals went backwards, the cache was made again: it begins at zero.
  void add(TimePoint at, CacheStats totals);

  /// The counts from the newest sample that is at least `length` old, or the oldest one, until now. At least
  /// one sample must have been added.
  [[nodiscard]] WindowStats look(TimePoint at, CacheStats totals) const;

  /// The newest sample: when it was taken, and its totals. As for look(), there must be one.
  [[nodiscard]] TimePoint sampled() const noexcept { return samples_.back().at; }
  [[nodiscard]] WindowStats look_at_sample() const {
    return look(samples_.back().at, samples_.back().totals);
  }

  /// Number of samples kept.
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
