#pragma once
/// Counters: the numbers that CacheStats shows, counted at the moment of each event. Thread safe.

#include <atomic>
#include <cstdint>
#include <terrace/cache_stats.hpp>
#include <terrace/histogram.hpp>
#include <terrace/result.hpp>

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

/// The longest of some times. Thread safe.
class Longest {
 public:
  void add(Duration time) noexcept {
    Duration longest = longest_.load(std::memory_order_relaxed);
    while (time > longest && !longest_.compare_exchange_weak(longest, time, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] Duration get() const noexcept { return longest_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Duration> longest_{Duration::zero()};
};

/// The counters of a cache. Those of one tier are in level.hpp.
struct Counters {
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> load_failures{0};
  std::atomic<std::uint64_t> joined{0};
  std::atomic<std::uint64_t> rejected_fills{0};
  std::atomic<std::uint64_t> stale_from_memory{0};  // served stale by memory, after a refresh that failed
  std::atomic<std::uint64_t> refreshes{0};
  std::atomic<std::uint64_t> lease_waits{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> erases{0};
  std::atomic<std::uint64_t> write_failures{0};
  std::atomic<std::uint64_t> invalidations_sent{0};
  std::atomic<std::uint64_t> invalidations_received{0};
  std::atomic<std::uint64_t> memory_hits_shown{0};  // the most that stats() has returned (stats.cpp)
  Histogram load_latency;
  Longest longest_ttl;   // of the TTLs that loaders gave
  Longest longest_load;  // of the loads that returned a value, or "no such key"
};

}  // namespace terrace::cascade
