#pragma once
/// Counters: the numbers that CacheStats shows, counted at the moment of each event. Thread safe.

#include <atomic>
#include <cstdint>
#include <terrace/cache_stats.hpp>
#include <terrace/histogram.hpp>
#include <terrace/result.hpp>

#include "base/longest.hpp"

namespace terrace::cascade {

/// The errors of reads, by kind.
class ErrorTally {
 public:
  void add(const Error& error) noexcept {
    ++(error == Errc::timed_out     ? timed_out_
       : error == Errc::unavailable ? unavailable_
       : error == Errc::io_error    ? io_
                                    : other_);
  }
  [[nodiscard]] ErrorCounts counts() const noexcept { return {timed_out_, unavailable_, io_, other_}; }

 private:
  std::atomic<std::uint64_t> timed_out_{0}, unavailable_{0}, io_{0}, other_{0};
};

/// Counts events in those fields of Stats that are numbers: a new field needs no line here. Thread safe.
template <class Stats>
class Tally {
 public:
  void add(std::uint64_t Stats::*field, std::uint64_t events = 1) noexcept {
    std::atomic_ref(counted_.*field).fetch_add(events);
  }

  /// The events so far; the other fields are as Stats has them at first.
  [[nodiscard]] Stats counted() const;

 private:
  mutable Stats counted_;
};

/// The counters of a cache. Those of one tier are in level.hpp.
struct Counters : Tally<CacheStats> {
  std::atomic<std::uint64_t> memory_hits_shown{0};  // the most that stats() has returned (stats.cpp)
  Histogram load_latency;
  Longest longest_ttl;   // of the TTLs that loaders gave
  Longest longest_load;  // of the loads that returned a value, or "no such key"
};

}  // namespace terrace::cascade
