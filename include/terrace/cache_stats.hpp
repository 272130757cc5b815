#pragma once
/// CacheStats: the counters of a cache since it was made.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/write_back.hpp>
#include <vector>

namespace terrace {

/// Durations as cumulative counts under fixed bounds, which Prometheus calls a histogram.
struct LatencyCounts {
  static constexpr std::array<Duration, 16> bounds = {
      std::chrono::microseconds(100), std::chrono::microseconds(250),  std::chrono::microseconds(500),
      std::chrono::milliseconds(1),   std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(25),   std::chrono::milliseconds(50),
      std::chrono::milliseconds(100), std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),        std::chrono::milliseconds(2500), std::chrono::seconds(5),
      std::chrono::seconds(10)};

  std::array<std::uint64_t, bounds.size()> up_to{};  ///< durations of at most bounds[i]; may include some
                                                     ///< above it by less than 3.2 %
  std::uint64_t count = 0;                           ///< all durations
  Duration sum{};
};

/// Errors by their kind (Errc).
struct ErrorCounts {
  std::uint64_t timed_out = 0;
  std::uint64_t unavailable = 0;  ///< not asked: no connection, or the circuit breaker is open
  std::uint64_t io = 0;           ///< the connection or the file failed during the operation
  std::uint64_t other = 0;

  [[nodiscard]] std::uint64_t total() const noexcept { return timed_out + unavailable + io + other; }
};

/// One level: memory first, then the tiers in their order.
struct LevelStats {
  std::string name;
  std::uint64_t hits = 0;  ///< keys found, negative entries included; in memory also stale ones
  /// Reads answered with a stale value of this level, because refreshing it failed or took long. A stale
  /// value of a tier also counts as a miss there; one of memory counts as a hit, except where a refresh was
  /// tried first.
  std::uint64_t stale_hits = 0;
  std::uint64_t negative_hits = 0;  ///< the part of the hits where the key is known not to exist
  std::uint64_t misses = 0;         ///< keys asked for and not found, unreadable entries included
  std::uint64_t errors = 0;         ///< keys for which the level did not answer, or not in time
  ErrorCounts errors_by_kind = {};  ///< the same by kind
  /// Entries found that were corrupt, foreign or of another schema. They count as misses. Also keys of tag
  /// tokens that held something else.
  std::uint64_t unreadable = 0;
  /// Leases, renewals and fills that a shared tier refused, or did not answer in time. What was loaded then is
  /// not stored in this tier.
  std::uint64_t lease_errors = 0;
  /// Present values, where the level knows them cheaply. For a tier that several caches share: the sum of
  /// all.
  std::optional<std::uint64_t> entries = {};
  std::optional<std::uint64_t> bytes = {};
  // Entries that left memory, by cause; of tiers always 0.
  std::uint64_t evictions = 0;    ///< memory was full
  std::uint64_t expirations = 0;  ///< entries whose lifetime was over
  std::uint64_t invalidated = 0;  ///< erased, invalidated, or about to be written again
  std::uint64_t replaced = 0;     ///< another value was filled in for their key
  /// Latency of reads; not measured for memory, because reading the clock would cost more than the hit.
  Duration p50{}, p99{}, p999{};
  LatencyCounts latency = {};  ///< the same; one for each operation, whatever number of keys it asks for
  std::optional<bool> reachable = {};     ///< for a tier with a server that reports it: TierStats
  std::optional<bool> breaker_open = {};  ///< the same

  /// hits / (hits + misses), 0 … 1; 0 if nothing was asked for.
  [[nodiscard]] double hit_rate() const noexcept {
    const auto asked = static_cast<double>(hits + misses);
    return asked == 0 ? 0 : static_cast<double>(hits) / asked;
  }
};

struct CacheStats {
  std::vector<LevelStats> levels;
  std::uint64_t loads = 0;            ///< loader calls begun, counted by key
  std::uint64_t load_failures = 0;    ///< those that threw, returned an error, or took too long
  std::uint64_t loads_in_flight = 0;  ///< loader calls now, including those that were given up and still run
  std::uint64_t loads_waiting = 0;    ///< loader calls that wait for their turn (max_concurrent_loads) or for
                                      ///< the budget (max_loads_per_second)
  std::uint64_t loads_overdue = 0;    ///< loader calls that run although load_timeout is over, or although
                                      ///< every caller has given up. They keep no turn
  std::uint64_t joined = 0;           ///< reads answered by the lookup or load of another caller
  std::uint64_t rejected_fills = 0;   ///< values kept out of a level because the key had changed meanwhile
  std::uint64_t stale_served = 0;     ///< reads answered with a stale value because refreshing failed or took
                                      ///< long
  std::uint64_t refreshes = 0;        ///< eager refreshes begun
  std::uint64_t lease_waits = 0;      ///< reads that waited for another process to load the key
  std::uint64_t writes = 0;           ///< keys set
  std::uint64_t erases = 0;           ///< keys erased
  std::uint64_t atomic_writes = 0;    ///< attempts of atomic operations to change a key
  std::uint64_t atomic_conflicts = 0;  ///< those that changed nothing, because another change came first
  std::uint64_t write_failures = 0;    ///< keys whose write or erase failed in at least one tier
  std::uint64_t unrecovered = 0;       ///< keys of which a tier missed a change and has not caught up yet
  /// Changes that a shared tier accepted and reports to other processes: keys set, erased or invalidated. A
  /// prefix, a pattern, a tag or a clear() counts as one.
  std::uint64_t invalidations_sent = 0;
  /// Keys and tags of this cache that the invalidation stream of a shared tier reported, by any process, this
  /// one included; fills, expiry and eviction in the tier are reported as well. "All keys" counts as one.
  std::uint64_t invalidations_received = 0;
  std::optional<bool> watching = {};  ///< true if the invalidation streams of all shared tiers are up; none:
                                      ///< there is none
  /// How far memory may be behind the shared tiers now. None: nothing is shared, or an invalidation stream is
  /// down, and then only max_staleness after each read is a bound.
  std::optional<Duration> staleness = {};
  Duration max_staleness{};                       ///< the configured bound: CacheOptions
  std::optional<WriteBackStats> write_back = {};  ///< for WriteMode::back
  Duration load_p50{}, load_p99{};
  LatencyCounts load_latency = {};  ///< latency of loader calls, including the wait for their turn
  bool closed = false;              ///< its calls end with Errc::shutdown
};

}  // namespace terrace
